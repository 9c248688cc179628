/** A server that plays Hugging Face: its listing, redirects to another host for large files, and whatever goes wrong. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Played {
  /** Of the hub. */
  readonly endpoint: string;
  /** "GET /gpt2/resolve/... bytes=3-" of each request, in order. */
  readonly asked: string[];
  /** Requests to the host of large files that had a token with them. */
  readonly leaked: string[];
  close(): Promise<void>;
}

export interface HubPlay {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Files that are large ones: they have a SHA-256, and are on another host. */
  readonly large?: readonly string[];
  /** Answers before all else; false: it has not. */
  readonly first?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Bytes after which the answers of large files are cut, one after another. */
  readonly cuts?: number[];
  /** The server of large files knows no ranges. */
  readonly wholeOnly?: boolean;
  /** What is sent in place of a file. */
  readonly spoilt?: Readonly<Record<string, string>>;
}

/**
 * Cuts a connection when the other side, which is in this process, has had turns to take what was sent: a client gives up
 * what it has not taken. One timer could be due before it had any.
 */
export async function cutLater(response: ServerResponse): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  response.destroy();
}

export const commit = 'c0ffee'.padEnd(40, '0');
const bytesOf = (content: string | Uint8Array) => Buffer.from(content);
const digest = (kind: 'sha1' | 'sha256', ...parts: (string | Uint8Array)[]) => {
  const hash = createHash(kind);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};
export const blobOf = (content: string | Uint8Array): string =>
  digest('sha1', `blob ${bytesOf(content).length}\0`, bytesOf(content));
export const sha256Of = (content: string | Uint8Array): string => digest('sha256', bytesOf(content));

export async function playHub({
  files,
  large = [],
  first,
  cuts = [],
  wholeOnly,
  spoilt = {},
}: HubPlay): Promise<Played> {
  const [asked, leaked]: string[][] = [[], []] as [string[], string[]];
  const send = (request: IncomingMessage, response: ServerResponse, content: Buffer, cut?: number) => {
    const begin = wholeOnly ? 0 : Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = content.subarray(begin);
    response.writeHead(begin > 0 ? 206 : 200, {
      'Content-Length': rest.length,
      ...(begin > 0 && { 'Content-Range': `bytes ${begin}-${content.length - 1}/${content.length}` }),
    });
    if (cut === undefined || cut >= rest.length) response.end(rest);
    else response.write(rest.subarray(0, cut), () => void cutLater(response));
  };
  const contentOf = (path: string) => bytesOf(spoilt[path] ?? (files[path] as string));
  const store = await listen((request, response) => {
    asked.push(`store ${request.url} ${request.headers.range ?? ''}`.trim());
    if (request.headers.authorization) leaked.push(request.url ?? '');
    send(request, response, contentOf((request.url ?? '').slice(1)), cuts.shift());
  });
  const hub = await listen((request, response) => {
    const url = request.url ?? '';
    asked.push(`${url} ${request.headers.range ?? ''}`.trim());
    if (first?.(request, response)) return;
    if (url === '/api/models/org/name/revision/main?blobs=true') {
      const siblings = Object.entries(files).map(([rfilename, content]) => ({
        rfilename,
        size: bytesOf(content).length,
        blobId: blobOf(content),
        ...(large.includes(rfilename) && { lfs: { sha256: sha256Of(content), size: bytesOf(content).length } }),
      }));
      response.end(JSON.stringify({ sha: commit, siblings }));
      return;
    }
    const [, path = ''] = new RegExp(`^/org/name/resolve/${commit}/(.*)$`).exec(url) ?? [];
    if (!(path in files)) response.writeHead(404, { 'X-Error-Code': 'RepoNotFound' }).end();
    else if (large.includes(path)) response.writeHead(302, { Location: `${store.endpoint}/${path}` }).end();
    else send(request, response, contentOf(path));
  });
  return {
    endpoint: hub.endpoint,
    asked,
    leaked,
    close: async () => {
      await Promise.all([hub.close(), store.close()]);
    },
  };
}

/** As both hosts of Hugging Face let pages of other sites ask, and see. */
const forPages = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Authorization, Range',
  'Access-Control-Expose-Headers': 'Content-Range, X-Error-Code',
};

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer((request, response) => {
    for (const [name, value] of Object.entries(forPages)) response.setHeader(name, value);
    // A page asks first whether it may ask.
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

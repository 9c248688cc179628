import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Serves the files of one folder on localhost, cross-origin isolated, so that WASM gets threads. Port 0: any free one. */
export async function serveFolder(folder: string, port = 0): Promise<{ url: string; close: () => void }> {
  const server = createServer(async ({ url = '/' }, response) => {
    const name = basename(new URL(url, 'http://localhost').pathname) || 'index.html';
    const content = await readFile(`${folder}${name}`).catch(() => undefined);
    response.writeHead(content ? 200 : 404, {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Content-Type': types[extname(name)] ?? 'application/octet-stream',
    });
    response.end(content ?? 'not found');
  });
  await new Promise<void>((ready, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', ready);
  });
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, close: () => void server.close() };
}

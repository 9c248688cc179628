/** Files of a web server as a store. */
import * as z from 'zod';
import { CheckpointError, formatBytes, OptionError } from '../errors.js';
import { checkOption, checkOptions, type Fields, ranges, signalOption, special } from '../settings/index.js';
import { readBody } from './body.js';
import { type FileStore, insidePath, listingOf, missingFile, shortFile } from './fileStore.js';
import { largestJson } from './json.js';
import { isHtmlPage, tellingBytes } from './likeness.js';
import { requestReason } from './requestReason.js';

/** What the first request told about a file: its size, and its bytes from a server that ignores ranges. */
interface Known {
  readonly size: number;
  readonly whole?: Uint8Array<ArrayBuffer>;
}

/** How far the download of a file is. */
export interface DownloadProgress {
  /** The file's path below the address of its store: "model.safetensors". */
  readonly file: string;
  /** Bytes that have come so far, at most `total`: what is read twice counts once. */
  readonly loaded: number;
  /** Bytes of the file; undefined where the server does not say. Of a large file only parts may be asked for. */
  readonly total: number | undefined;
}

/** Is told of each part of a file that comes. */
export type OnProgress = (progress: DownloadProgress) => void;

/** Takes such a function, for options. */
export const progressOption = special<OnProgress>('a function', (value) => typeof value === 'function');

/** How files of a web server are fetched. */
export interface HttpStoreOptions {
  /** In place of the global `fetch`: to add headers, say. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /**
   * The files that are there, by their paths below the URL: no other is asked for, and they can be listed. Default: whatever
   * may be there is asked for, and a browser shows each 404 in its console.
   */
  readonly files?: readonly string[] | undefined;
  /** Told of each part of a file that comes. Default: nobody is. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops all requests. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a file that are taken whole, from a server that ignores ranges. Texts are read at once, and have a limit anyway. */
const mostOf = (path: string): number => (/\.(json|jinja|txt)$/i.test(path) ? largestJson : 2 ** 32);

/** Whether a page in the place of a file may be the file itself. */
const isNamedPage = (path: string): boolean => /\.x?html?$/i.test(path);

const urlOption = special<string | URL>(
  'a whole URL',
  (value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(value),
);
const storeOptions = z.strictObject({
  fetch: special<typeof globalThis.fetch>('a function', (value) => typeof value === 'function').optional(),
  files: z.array(ranges.text, 'a list of paths').readonly().optional(),
  onProgress: progressOption.optional(),
  signal: signalOption.optional(),
} satisfies Fields<HttpStoreOptions>);

/**
 * Reads files below a URL. A file that is answered with an HTML page is not there: so servers of pages answer for every path
 * that they do not know. Parts of files are fetched by range requests. From a server that does not know ranges a file
 * is fetched whole, once, and kept. A web server takes no new files and does not list those that it has: `write`, `remove`,
 * `addFolder`, `share` and `lock` throw an OptionError, and so does `list` without the option `files`.
 * @example
 * const model = await loadModel(httpStore('https://example.org/models/gpt2/'), { device });
 * @example
 * const files = ['config.json', 'model.safetensors', 'tokenizer.json'];
 * const folder = httpStore(new URL('/model/', location.href), { files });
 * @example
 * const onProgress = ({ file, loaded, total }) => console.log(file, loaded, 'of', total ?? '?');
 * const store = httpStore('https://huggingface.co/openai-community/gpt2/resolve/main/', { onProgress });
 * @throws OptionError for what is no URL, and for one with a query or a fragment
 */
export function httpStore(url: string | URL, options: HttpStoreOptions = {}): FileStore {
  const base = new URL(checkOption('httpStore', 'url', url, urlOption));
  const { fetch = globalThis.fetch, files, onProgress, signal } = checkOptions('httpStore', storeOptions, options);
  if (base.search || base.hash) {
    throw new OptionError(
      `httpStore: the folder ${base.href} ends with '${base.search}${base.hash}', which no file below it would have. Leave ` +
        'that out.',
      { option: 'url', found: base.href },
    );
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const name = base.href.slice(0, -1);
  const known = new Map<string, Promise<Known | undefined>>();
  /** Bytes of each file that have come. */
  const received = new Map<string, number>();

  async function request(path: string, first: number, last: number): Promise<Response> {
    const url = new URL(insidePath(name, path), base);
    try {
      return await fetch(url, { headers: { Range: `bytes=${first}-${last}` }, ...(signal && { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new CheckpointError(
        `${name}/${path}: the request failed: ${requestReason(cause)}. Check the address and the network.`,
        {
          cause,
        },
      );
    }
  }
  const cutOff = (path: string, cause: unknown) => {
    signal?.throwIfAborted();
    return new CheckpointError(`${name}/${path}: the answer ended early: ${requestReason(cause)}. Try again.`, {
      cause,
    });
  };
  /** The bytes of an answer, at most so many, with progress told of the file, of which `total` bytes are known. */
  const download = (path: string, response: Response, most: number, total: number | undefined) =>
    readBody(response, {
      most,
      tooLong: () =>
        new CheckpointError(
          `${name}/${path}: the server's answer has more than ${formatBytes(most)}, expected at most so many. Check that ` +
            'the address leads to the right file.',
          { expected: most },
        ),
      cut: (cause) => cutOff(path, cause),
      onPart: (bytes) => {
        const loaded = Math.min((received.get(path) ?? 0) + bytes, total ?? Number.POSITIVE_INFINITY);
        received.set(path, loaded);
        onProgress?.({ file: path, loaded, total });
      },
    });
  const leave = (response: Response) => response.body?.cancel().catch(() => {});
  const refused = (path: string, { status, statusText }: Response) =>
    new CheckpointError(`${name}/${path}: the server answered ${status} ${statusText}, expected 200 or 206.`, {
      found: status,
    });

  /** Asks for one byte: the answer tells whether the file is there, its size, and whether ranges work. */
  async function probe(path: string): Promise<Known | undefined> {
    const response = await request(path, 0, 0);
    const mayBePage = isHtml(response) && !isNamedPage(path);
    if (response.status === 200) {
      const whole = await download(path, response, mostOf(path), lengthOf(response));
      return mayBePage && isHtmlPage(whole) ? undefined : { size: whole.byteLength, whole };
    }
    await leave(response);
    if (response.status === 404 || response.status === 410) return undefined;
    // 416: the file is empty, so it has no byte 0.
    if (response.status === 416) return { size: 0, whole: new Uint8Array(0) };
    const size = Number(/\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? Number.NaN);
    if (response.status !== 206) throw refused(path, response);
    if (!Number.isSafeInteger(size)) {
      throw new CheckpointError(
        `${name}/${path}: the server's answer has no size (Content-Range '${response.headers.get('Content-Range')}'). ` +
          'Across origins, it must expose the header with Access-Control-Expose-Headers.',
      );
    }
    if (mayBePage && (await beginsPage(path, size))) return undefined;
    return { size };
  }
  /** Whether the file of a server that calls it a page is one: some call every file so. */
  async function beginsPage(path: string, size: number): Promise<boolean> {
    const most = Math.min(size, tellingBytes);
    const response = await request(path, 0, most - 1);
    const tooLong = () => refused(path, response);
    return isHtmlPage(await readBody(response, { most, tooLong, cut: (cause) => cutOff(path, cause), onPart() {} }));
  }
  function ask(path: string): Promise<Known | undefined> {
    let answer = known.get(path);
    if (!answer) {
      answer = files && !files.includes(path) ? Promise.resolve(undefined) : probe(path);
      known.set(path, answer);
      answer.catch(() => known.delete(path));
    }
    return answer;
  }
  async function find(path: string): Promise<Known> {
    const file = await ask(path);
    if (!file) throw missingFile(name, path);
    return file;
  }

  async function read(path: string, offset = 0, length?: number): Promise<Uint8Array<ArrayBuffer>> {
    const { size, whole } = await find(path);
    const wanted = length ?? Math.max(0, size - offset);
    if (offset + wanted > size) throw shortFile(name, path, offset + wanted, size);
    if (whole) return whole.slice(offset, offset + wanted);
    if (wanted === 0) return new Uint8Array(0);
    const response = await request(path, offset, offset + wanted - 1);
    if (response.status !== 206) {
      await leave(response);
      throw refused(path, response);
    }
    const bytes = await download(path, response, wanted, size);
    if (bytes.byteLength !== wanted) throw shortFile(name, path, offset + wanted, offset + bytes.byteLength);
    return bytes;
  }
  const readOnly = async (path = '') => {
    throw new OptionError(`${name}/${path}: a web server cannot be written to. Save to a folder or a memoryStore.`);
  };

  return {
    name,
    async list() {
      if (!files)
        throw new OptionError(`${name}: a web server does not list its files. Give httpStore their names: files.`);
      return listingOf(files);
    },
    exists: async (path) => (await ask(path)) !== undefined,
    size: async (path) => (await find(path)).size,
    stamp: async () => '',
    read,
    readInto: async (path, offset, target) => target.set(await read(path, offset, target.byteLength)),
    write: readOnly,
    remove: readOnly,
    folder: (path) =>
      httpStore(new URL(`${insidePath(name, path)}/`, base), {
        fetch,
        files: files?.flatMap((each) => (each.startsWith(`${path}/`) ? [each.slice(path.length + 1)] : [])),
        signal,
        onProgress: onProgress && ((progress) => onProgress({ ...progress, file: `${path}/${progress.file}` })),
      }),
    addFolder: readOnly,
    share: readOnly,
    lock: () => readOnly(),
  };
}

const isHtml = ({ headers }: Response): boolean => /^text\/html\b/i.test(headers.get('Content-Type') ?? '');

/** Bytes of the body, where they are those of the file: a packed body has others. */
function lengthOf({ headers }: Response): number | undefined {
  const length = Number(headers.get('Content-Length') ?? Number.NaN);
  return headers.has('Content-Encoding') || !Number.isSafeInteger(length) ? undefined : length;
}

/** Files of a web server as a store. */
import * as z from 'zod';
import { CheckpointError, OptionError } from '../errors.js';
import { checkOption, checkOptions, special } from '../settings/index.js';
import { type FileStore, insidePath, missingFile, shortFile } from './fileStore.js';

/** What the first request told about a file: its size, and its bytes from a server that ignores ranges. */
interface Known {
  readonly size: number;
  readonly whole?: Uint8Array<ArrayBuffer>;
}

const urlOption = special<string | URL>(
  'a whole URL',
  (value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(value),
);
const storeOptions = z.strictObject({
  fetch: special<typeof globalThis.fetch>('a function', (value) => typeof value === 'function').optional(),
});

/**
 * Reads files below a URL. Parts of files are fetched by range requests. From a server that does not know ranges a file
 * is fetched whole, once, and kept. A web server neither lists its files nor takes new ones: `list`, `write`, `remove`,
 * `addFolder`, `share` and `lock` throw an OptionError.
 * @example
 * const model = await loadModel(httpStore('https://example.org/models/gpt2/'), { device });
 * @throws OptionError for what is no URL
 */
export function httpStore(url: string | URL, options: { fetch?: typeof globalThis.fetch } = {}): FileStore {
  const base = new URL(checkOption('httpStore', 'url', url, urlOption));
  const { fetch = globalThis.fetch } = checkOptions('httpStore', storeOptions, options);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const name = base.href.slice(0, -1);
  const known = new Map<string, Promise<Known | undefined>>();

  async function request(path: string, first: number, last: number): Promise<Response> {
    const url = new URL(insidePath(name, path), base);
    try {
      return await fetch(url, { headers: { Range: `bytes=${first}-${last}` } });
    } catch (cause) {
      throw new CheckpointError(`${name}/${path}: the request failed (${cause}). Check the address and the network.`, {
        cause,
      });
    }
  }
  /** The bytes of an answer, which a lost connection may end early. */
  async function bodyOf(path: string, response: Response): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new CheckpointError(`${name}/${path}: the answer ended early (${cause}). Try again.`, { cause });
    }
  }
  const refused = (path: string, { status, statusText }: Response) =>
    new CheckpointError(`${name}/${path}: the server answered ${status} ${statusText}, expected 200 or 206.`, {
      found: status,
    });

  /** Asks for one byte: the answer tells whether the file is there, its size, and whether ranges work. */
  async function probe(path: string): Promise<Known | undefined> {
    const response = await request(path, 0, 0);
    if (response.status === 200) {
      const whole = await bodyOf(path, response);
      return { size: whole.byteLength, whole };
    }
    await bodyOf(path, response);
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
    return { size };
  }
  function ask(path: string): Promise<Known | undefined> {
    let answer = known.get(path);
    if (!answer) {
      answer = probe(path);
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
    if (response.status !== 206) throw refused(path, response);
    const bytes = await bodyOf(path, response);
    if (bytes.byteLength !== wanted) throw shortFile(name, path, offset + wanted, offset + bytes.byteLength);
    return bytes;
  }
  const readOnly = async (path = '') => {
    throw new OptionError(`${name}/${path}: a web server cannot be written to. Save to a folder or a memoryStore.`);
  };

  return {
    name,
    async list() {
      throw new OptionError(`${name}: a web server does not list its files.`);
    },
    exists: async (path) => (await ask(path)) !== undefined,
    size: async (path) => (await find(path)).size,
    stamp: async () => '',
    read,
    readInto: async (path, offset, target) => target.set(await read(path, offset, target.byteLength)),
    write: readOnly,
    remove: readOnly,
    folder: (path) => httpStore(new URL(`${insidePath(name, path)}/`, base), { fetch }),
    addFolder: readOnly,
    share: readOnly,
    lock: () => readOnly(),
  };
}

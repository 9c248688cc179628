import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CheckpointError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import type { KeptTexts, Revectorizer, WorkerHandle, WorkerListeners } from './workers.js';

/** Logical processors that this process may use. */
export const hardwareConcurrency = (): number => availableParallelism();

/** The entry to WebGPU: Dawn, from the optional npm package `webgpu`. `missing` says why there is none. */
export async function openGPU(): Promise<GPU | { missing: string }> {
  try {
    const { create } = await import('webgpu');
    // Otherwise the profiler's times come in steps of a tenth of a millisecond, as pages must have them.
    return create(['disable-dawn-features=timestamp_quantization']);
  } catch (error) {
    return { missing: `the npm package 'webgpu' did not load (${error instanceof Error ? error.message : error})` };
  }
}

/**
 * A folder on disk. `write` makes the folder, writes a temporary file beside the target, syncs it and renames it, so
 * that a crash at any moment leaves the old file or the new one.
 */
export const folderStore: ((path: string) => FileStore) | undefined = (folder) => {
  const missing = (path: string, cause: unknown) =>
    new CheckpointError(`${join(folder, path)}: cannot be read (${(cause as Error).message}). Check the path.`, {
      cause,
    });
  const isFile = (path: string) =>
    stat(join(folder, path)).then(
      (found) => found.isFile(),
      () => false,
    );
  return {
    name: folder,
    async list() {
      const found = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
        throw missing('', cause);
      });
      return found.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    exists: isFile,
    async size(path) {
      try {
        return (await stat(join(folder, path))).size;
      } catch (cause) {
        throw missing(path, cause);
      }
    },
    async read(path, offset = 0, length) {
      const file = await open(join(folder, path)).catch((cause: unknown) => {
        throw missing(path, cause);
      });
      try {
        const { size } = await file.stat();
        const wanted = length ?? Math.max(0, size - offset);
        if (offset + wanted > size) {
          throw new CheckpointError(
            `${join(folder, path)}: byte ${offset + wanted} was asked for, the file has ${size}. Copy it again.`,
            { found: size, expected: offset + wanted },
          );
        }
        const bytes = new Uint8Array(wanted);
        // One call reads at most 2 GiB.
        for (let done = 0; done < wanted; ) {
          const { bytesRead } = await file.read(bytes, done, Math.min(wanted - done, 2 ** 30), offset + done);
          if (bytesRead === 0) throw missing(path, new Error('it was cut while it was read'));
          done += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
    async write(path, chunks) {
      const target = join(folder, path);
      const aside = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;
      await mkdir(dirname(target), { recursive: true });
      try {
        const file = await open(aside, 'wx');
        try {
          for await (const chunk of chunks) await file.writeFile(chunk);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(aside, target);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
      // The rename itself is on disk once the folder is; not every system can sync a folder.
      const parent = await open(dirname(target)).catch(() => undefined);
      await parent?.sync().catch(() => {});
      await parent?.close();
    },
  };
};

/** Where the user's programs keep what they can make again. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'distillm');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'distillm');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'distillm');
}

/** Files in the user's cache folder. */
export const keptTexts: KeptTexts = {
  read: (name) => readFile(join(cacheFolder(), name), 'utf8').catch(() => undefined),
  async write(name, text) {
    const path = join(cacheFolder(), name);
    await mkdir(dirname(path), { recursive: true });
    const aside = `${path}.${process.pid}.part`;
    await writeFile(aside, text);
    await rename(aside, path);
    return path;
  },
};

/** Gives a worker of Node the two globals of a web worker. */
const WEB_WORKER_GLOBALS = `
const { parentPort } = require('node:worker_threads');
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage?.({ data }));
`;

/** Starts a worker that runs the script `source`, written for web workers. */
export function spawnWorker(source: string, { message, died }: WorkerListeners): WorkerHandle {
  const worker = new Worker(WEB_WORKER_GLOBALS + source, { eval: true, execArgv: [] });
  worker.on('message', message);
  worker.on('error', (error) => died(String(error)));
  worker.on('exit', (code) => died(`exit code ${code}`));
  return {
    post: (data) => worker.postMessage(data),
    unref: () => worker.unref(),
    terminate: async () => void (await worker.terminate()),
  };
}

const REVECTORIZE = '--experimental-wasm-revectorize';
/** The first V8 that packs our kernels (Node 24); older ones lack the flag or make nothing of it. */
const REVECTORIZING_V8 = 13;

/** V8's packing of pairs of 128-bit vectors into 256 bits: a flag of the whole process. */
export const revectorizer: Revectorizer | undefined =
  process.arch === 'x64' && Number.parseInt(process.versions.v8, 10) >= REVECTORIZING_V8
    ? {
        onFromStart: [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].includes(REVECTORIZE),
        set: (on) => setFlagsFromString(on ? REVECTORIZE : REVECTORIZE.replace('--', '--no-')),
      }
    : undefined;

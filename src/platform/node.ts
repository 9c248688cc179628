import { existsSync, readdirSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CheckpointError } from '../errors.js';
import type { FileStore } from '../io/fileStore.js';
import type { KeptTexts, Revectorizer, WorkerHandle, WorkerListeners } from './workers.js';

/** Logical processors that this process may use. */
export const hardwareConcurrency = (): number => availableParallelism();

/**
 * The entry to WebGPU: Dawn, from the optional npm package `webgpu`. `missing` says why there is none. `hardwareOnly`
 * may leave software adapters out; `experimental` offers features that are no part of WebGPU yet.
 */
export async function openGPU({ hardwareOnly = false, experimental = false } = {}): Promise<GPU | { missing: string }> {
  try {
    const { create } = await import('webgpu');
    // Otherwise the profiler's times come in steps of a tenth of a millisecond, as pages must have them.
    const gpu = create([
      'disable-dawn-features=timestamp_quantization',
      ...(experimental ? ['enable-dawn-features=allow_unsafe_apis'] : []),
    ]);
    if (hardwareOnly && hasGPUDevice('/')) await findAdaptersButLlvmpipe(gpu);
    return gpu;
  } catch (error) {
    return { missing: `the npm package 'webgpu' did not load (${error instanceof Error ? error.message : error})` };
  }
}

/**
 * Dawn writes warnings about llvmpipe's limits to stderr ("artificially reduced") even where another adapter is taken,
 * and has no option against it. The Vulkan loader (1.3.234 and later) has; Dawn keeps what it found the first time.
 */
async function findAdaptersButLlvmpipe(gpu: GPU): Promise<void> {
  const name = 'VK_LOADER_DRIVERS_DISABLE';
  if (process.env[name] !== undefined) return;
  process.env[name] = '*lvp*';
  try {
    await gpu.requestAdapter();
  } finally {
    delete process.env[name];
  }
}

/**
 * Whether looking for a GPU can find one. Where there is none, Dawn and the Vulkan loader write warnings to stderr that
 * nothing turns off; so 'auto' asks here first. Linux shows a GPU as a device, drivers may be named in the environment.
 */
export const mayHaveGPU = (): boolean =>
  process.platform !== 'linux' ||
  ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].some((name) => process.env[name]) ||
  hasGPUDevice('/');

/** `root`: of the file system. */
export function hasGPUDevice(root: string): boolean {
  const names = (folder: string) => {
    try {
      return readdirSync(join(root, folder));
    } catch {
      return [];
    }
  };
  return (
    names('dev/dri').some((name) => name.startsWith('renderD')) ||
    // NVIDIA's, WSL's, and those of small boards.
    names('dev').some((name) => /^(nvidia|dxg$|nvhost|nvgpu|nvmap|mali|kgsl|pvr)/.test(name)) ||
    // NVIDIA's driver makes its devices when it is first used.
    ['etc', 'usr/share'].some((folder) => names(`${folder}/vulkan/icd.d`).some((name) => name.startsWith('nvidia')))
  );
}

/**
 * A folder on disk. `write` makes the folder, writes a temporary file beside the target, syncs it and renames it, so
 * that a crash at any moment leaves the old file or the new one. `replaceFolder` does the same with folders.
 */
export const folderStore: ((path: string) => FileStore) | undefined = openStore;

function openStore(folder: string): FileStore {
  const missing = (path: string, cause: unknown) =>
    new CheckpointError(`${join(folder, path)}: cannot be read (${(cause as Error).message}). Check the path.`, {
      cause,
    });
  /** `of` a path ('' is the folder itself), once more when a crash left its folder under the other name. */
  const restored = async <T>(path: string, of: (path: string) => Promise<T>): Promise<T> => {
    const whole = join(folder, path);
    try {
      return await of(whole);
    } catch (error) {
      if (!(await restoreFolder(path === '' ? folder : dirname(whole)))) throw error;
      return of(whole);
    }
  };
  return {
    name: folder,
    async list() {
      const found = await restored('', () => readdir(folder, { withFileTypes: true })).catch((cause: unknown) => {
        throw missing('', cause);
      });
      return found.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    exists: (path) =>
      restored(path, (whole) => stat(whole)).then(
        (found) => found.isFile(),
        () => false,
      ),
    async size(path) {
      try {
        return (await restored(path, (whole) => stat(whole))).size;
      } catch (cause) {
        throw missing(path, cause);
      }
    },
    async read(path, offset = 0, length) {
      const file = await restored(path, (whole) => open(whole)).catch((cause: unknown) => {
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
      await syncFolder(dirname(target));
    },
    async replaceFolder(path, fill) {
      const target = join(folder, path);
      const aside = `${target}.distillm-new`;
      await rm(aside, { recursive: true, force: true });
      try {
        await fill(openStore(aside));
      } catch (error) {
        await rm(aside, { recursive: true, force: true });
        throw error;
      }
      const old = target + oldSuffix;
      const exchange = async () => {
        await restoreFolder(target);
        await rm(old, { recursive: true, force: true });
        // A full folder cannot be renamed over: between the two renames the old one has the other name alone.
        await rename(target, old).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
        await rename(aside, target);
      };
      // A reader in another process may have taken the moment between the renames for a crash.
      await exchange().catch(exchange);
      await syncFolder(dirname(target));
      await rm(old, { recursive: true, force: true });
    },
  };
}

/** What `replaceFolder` calls the folder that it is about to replace. */
const oldSuffix = '.distillm-old';

/** Gives a folder its name back where a crash came between the renames of `replaceFolder`; says whether it did. */
async function restoreFolder(folder: string): Promise<boolean> {
  const isThere = (path: string) =>
    stat(path).then(
      () => true,
      () => false,
    );
  if ((await isThere(folder)) || !(await isThere(folder + oldSuffix))) return false;
  return rename(folder + oldSuffix, folder).then(
    () => true,
    () => false,
  );
}

/** A rename is on disk once its folder is; not every system can sync a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** Where the user's programs keep what they can make again. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'distillm');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'distillm');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'distillm');
}

/** Files in the user's cache folder. */
export const keptTexts: KeptTexts = {
  read: (name) =>
    openStore(cacheFolder())
      .read(name)
      .then(
        (bytes) => new TextDecoder().decode(bytes),
        () => undefined,
      ),
  async write(name, text) {
    await openStore(cacheFolder()).write(name, [new TextEncoder().encode(text)]);
    return join(cacheFolder(), name);
  },
};

/** Gives a worker of Node the two globals of a web worker, and tells by which number Linux knows its thread. */
const WORKER_START = `
const { parentPort, workerData } = require('node:worker_threads');
try {
  workerData[0] = Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').pop());
} catch {}
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage?.({ data }));
`;

/** Starts a worker that runs the script `source`, written for web workers. */
export function spawnWorker(source: string, { message, died }: WorkerListeners): WorkerHandle {
  const thread = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(WORKER_START + source, { eval: true, execArgv: [], workerData: thread });
  worker.on('message', message);
  worker.on('error', (error) => died(String(error)));
  worker.on('exit', (code) => died(`exit code ${code}`));
  return {
    post: (data) => worker.postMessage(data),
    unref: () => worker.unref(),
    terminate: async () => void (await worker.terminate()),
    alive: () => thread[0] === 0 || existsSync(`/proc/self/task/${thread[0]}`),
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

/**
 * Opening the device that computes in WebAssembly: which build of the kernels, how many threads, and the self-check
 * before it is used.
 */
import * as z from 'zod';
import { hardwareConcurrency } from '#platform';
import { DeviceError } from '../../errors.js';
import { createLinearMemory } from '../../hardware/wasm/memory.js';
import { openPool, WorkerStartError } from '../../hardware/wasm/pool.js';
import { checkOptions, type Fields, ranges } from '../../settings/index.js';
import type { DeviceInfo } from '../backend.js';
import type { AdoptingDevice } from '../recovery.js';
import {
  allowPacking,
  compileKernels,
  forbidPacking,
  hasRelaxedSimd,
  kernelGlobals,
  packingInForce,
  sharedMemoryAllowed,
} from './compile.js';
import { createDevice, type OpenThreads } from './createDevice.js';
import { type EmbeddedKernels, type KernelPlace, kernelPlace, type WasmArithmetic } from './kernelFiles.js';
import { RoundsTwiceError, selfCheck } from './selfCheck.js';

/** How the device that computes in WebAssembly is opened. */
export interface WasmOptions {
  /**
   * Threads that share the work, this one included; all logical processors by default. One where memory cannot be
   * shared.
   */
  readonly threads?: number;
  /**
   * Lets V8 pack pairs of 128-bit vectors into 256 bits (Node 24 and later, x64): two to three times the speed, the
   * same bits. It is an experimental flag of the whole process, so it is off unless asked for.
   */
  readonly revectorize?: boolean;
  /**
   * How products are added: with one rounding ('fused', which is faster and nearer the exact sum) or with one after the
   * product and one after the sum ('plain'). By default fused where the engine has relaxed SIMD and the processor
   * rounds once, else plain; `device.info` says which, and why. Each has the same bits on every machine.
   */
  readonly arithmetic?: 'fused' | 'plain';
  /**
   * Where the kernels are, of which one build is loaded: the address of a folder with `compute-fused.wasm` and
   * `compute-plain.wasm` of the package's `dist/`, relative to the page (in Node a path), for hosts that move files; or
   * `embeddedKernels` of `distillm/embedded`, for scripts that are to be one file. By default the files beside the package's
   * code, as bundlers find them; the script of `startWorker` has its own in it.
   */
  readonly kernels?: string | URL | EmbeddedKernels;
}

const MAX_THREADS = 64;

/** The schema of `WasmOptions`. */
export const wasmOptions = z.strictObject({
  threads: ranges.integer(1, MAX_THREADS).optional(),
  revectorize: ranges.switched.default(false),
  arithmetic: ranges.choice(['fused', 'plain']).optional(),
  kernels: kernelPlace.optional(),
} satisfies Fields<WasmOptions>);

/**
 * The kernels in WebAssembly SIMD on a pool of threads. Within one arithmetic, results are the same bits for any number
 * of threads, with and without `revectorize`, on every machine. Calls are done when they return.
 * Where no worker starts, it warns and takes one thread.
 * @param noGPUBecause why it is no GPU, where one would have been taken
 * @throws OptionError; DeviceError (the kernels are not at their place, fused arithmetic is asked for and is not to be had,
 * the self-check fails); LimitError (no memory)
 */
export async function openWasm(options: WasmOptions = {}, noGPUBecause?: string): Promise<AdoptingDevice> {
  const { threads, revectorize, arithmetic, kernels } = checkOptions('openWasm', wasmOptions, options);
  const wanted = Math.min(threads ?? hardwareConcurrency(), MAX_THREADS);
  const how: Opening = {
    threads: sharedMemoryAllowed() ? wanted : 1,
    kernels,
    ...(wanted > 1 && !sharedMemoryAllowed() && { oneThreadBecause: notIsolated }),
    ...(noGPUBecause !== undefined && { noGPUBecause }),
  };
  if (revectorize) allowPacking();
  if (arithmetic === 'plain') return openPlain(how, "It was asked for by arithmetic: 'plain'.");
  const fused = await openFused(how);
  if (!(fused instanceof DeviceError)) return fused;
  if (arithmetic === undefined) return openPlain(how, fused.message);
  throw new DeviceError(
    `openWasm: arithmetic: 'fused' is not to be had here. ${fused.message} Leave arithmetic out, or take 'plain'.`,
    { found: 'plain', expected: 'fused', cause: fused },
  );
}

/** How a device is opened, and what its `info` is to say of that. */
interface Opening extends Pick<DeviceInfo, 'noGPUBecause' | 'oneThreadBecause'> {
  readonly threads: number;
  readonly kernels: KernelPlace | undefined;
}

const notIsolated =
  'Threads share no memory in a page that is not cross-origin isolated: serve it with the headers ' +
  'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.';

/** @returns a device, or why there is none */
async function openFused(how: Opening): Promise<AdoptingDevice | DeviceError> {
  if (!hasRelaxedSimd()) return new DeviceError('This WebAssembly engine has no relaxed SIMD.');
  const opened = await openChecked('fused', how);
  if (opened instanceof DeviceError) return opened;
  return createDevice(opened, { revectorized: packingInForce(), arithmetic: 'fused', ...opened.facts });
}

async function openPlain(how: Opening, plainBecause: string): Promise<AdoptingDevice> {
  const opened = await openChecked('plain', how);
  if (opened instanceof DeviceError) throw opened;
  const facts = { arithmetic: 'plain', plainBecause, ...opened.facts } as const;
  return createDevice(opened, { revectorized: packingInForce(), ...facts });
}

/** @returns why there are no workers, where the system or the policy of a page gives none */
async function openThreads(module: WebAssembly.Module, threads: number): Promise<OpenThreads | WorkerStartError> {
  const memory = createLinearMemory({ shared: threads > 1 });
  try {
    return { memory, pool: await openPool(module, memory, threads, kernelGlobals()) };
  } catch (error) {
    if (error instanceof WorkerStartError) return error;
    throw error;
  }
}

/** What each build that was opened was found to be: engine and processor are the same for the whole process. */
const verdicts = new Map<string, DeviceError | undefined>();

/** Threads, and what `info` is to say of how they were opened. */
interface CheckedThreads extends OpenThreads {
  readonly facts: Omit<Opening, 'threads' | 'kernels'>;
}

/** Threads whose kernels passed the self-check, at 128 bits where V8's packing fails it; else what is wrong. */
async function openChecked(arithmetic: WasmArithmetic, how: Opening): Promise<CheckedThreads | DeviceError> {
  const { threads, kernels, ...facts } = how;
  const shared = threads > 1;
  const module = await compileKernels({ arithmetic, shared, kernels });
  const opened = await openThreads(module, threads);
  if (opened instanceof WorkerStartError) {
    console.warn(`${opened.message} Going on with one thread.`);
    return openChecked(arithmetic, { ...how, threads: 1, oneThreadBecause: opened.message });
  }
  const revectorized = packingInForce();
  const build = [arithmetic, shared, revectorized].join();
  if (!verdicts.has(build)) verdicts.set(build, selfCheck(opened, { arithmetic, revectorized }));
  const wrong = verdicts.get(build);
  if (wrong === undefined) return { ...opened, facts };
  await opened.pool.dispose();
  if (!revectorized || wrong instanceof RoundsTwiceError) return wrong;
  console.warn(`${wrong.message} Going on with 128-bit vectors.`);
  forbidPacking();
  return openChecked(arithmetic, how);
}

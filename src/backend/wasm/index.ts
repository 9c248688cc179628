/**
 * Opening the device that computes in WebAssembly: which build of the kernels, how many threads, and the self-check
 * before it is used.
 */
import { z } from 'zod';
import { hardwareConcurrency } from '#platform';
import { createLinearMemory } from '../../hardware/wasm/memory.js';
import { openPool } from '../../hardware/wasm/pool.js';
import { checkOptions, type Fields, ranges } from '../../settings/index.js';
import type { Device } from '../backend.js';
import type { Threads } from './calls.js';
import {
  allowPacking,
  compileKernels,
  forbidPacking,
  type KernelBuild,
  kernelGlobals,
  packingInForce,
  relaxedAllowed,
  sharedMemoryAllowed,
} from './compile.js';
import { createDevice } from './createDevice.js';
import { relaxedCheck, selfCheck } from './selfCheck.js';

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
   * Uses the build that fuses multiplication and addition, where the engine has relaxed SIMD and memory can be shared
   * (`device.info.relaxedSimd` says so). Results then depend on the processor in their last bits. Off by default.
   */
  readonly relaxedSimd?: boolean;
}

const MAX_THREADS = 64;

/** The schema of `WasmOptions`. */
export const wasmOptions = z.strictObject({
  threads: ranges.integer(1, MAX_THREADS).optional(),
  revectorize: ranges.switched.default(false),
  relaxedSimd: ranges.switched.default(false),
} satisfies Fields<WasmOptions>);

async function open(build: KernelBuild, threads: number): Promise<Threads> {
  const module = await compileKernels(build);
  const memory = createLinearMemory({ shared: build !== 'single' });
  return { memory, pool: await openPool(module, memory, threads, kernelGlobals()) };
}

/**
 * The kernels in WebAssembly SIMD on a pool of threads. Results are the same bits for any number of threads, with and
 * without `revectorize`, on every machine (but with `relaxedSimd`). Calls are done when they return.
 * @throws OptionError, DeviceError (a worker does not start, the self-check fails), LimitError (no memory)
 */
export async function openWasm(options: WasmOptions = {}): Promise<Device> {
  const { threads, revectorize, relaxedSimd } = checkOptions('openWasm', wasmOptions, options);
  const count = sharedMemoryAllowed() ? Math.min(threads ?? hardwareConcurrency(), MAX_THREADS) : 1;
  if (revectorize) allowPacking();
  if (relaxedSimd && (await relaxedAllowed())) {
    const relaxed = await openRelaxed(count);
    if (relaxed) return relaxed;
  }
  const build = count > 1 ? 'shared' : 'single';
  const opened = await open(build, count);
  const wrong = selfCheck(opened, packingInForce());
  if (wrong === undefined) return createDevice(opened, { revectorized: packingInForce() });
  await opened.pool.dispose();
  if (!packingInForce()) throw wrong;
  console.warn(`${wrong.message} Going on with 128-bit vectors.`);
  forbidPacking();
  const plain = await open(build, count);
  const still = selfCheck(plain, false);
  if (still === undefined) return createDevice(plain, { revectorized: false });
  await plain.pool.dispose();
  throw still;
}

/** The relaxed build, once it agrees with the plain one. */
async function openRelaxed(threads: number): Promise<Device | undefined> {
  const revectorized = packingInForce();
  const [relaxed, plain] = [await open('relaxed', threads), await open('single', 1)];
  const wrong = selfCheck(plain, revectorized) ?? relaxedCheck(relaxed, plain, revectorized);
  await plain.pool.dispose();
  if (wrong === undefined) return createDevice(relaxed, { revectorized, relaxedSimd: true });
  await relaxed.pool.dispose();
  console.warn(`${wrong.message} Going on with the plain build.`);
  return undefined;
}

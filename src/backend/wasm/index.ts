import { hardwareConcurrency } from '#platform';
import { createLinearMemory } from '../../device/wasm/memory.js';
import { openPool } from '../../device/wasm/pool.js';
import { checkInteger, optionChecker } from '../../optionChecker.js';
import type { Backend } from '../backend.js';
import type { Device } from './calls.js';
import { allowPacking, compileKernels, forbidPacking, packingInForce, sharedMemoryAllowed } from './compile.js';
import { createBackend } from './createBackend.js';
import { selfCheck } from './selfCheck.js';

export interface WasmOptions {
  /** Threads that share the work, this one included; all logical processors by default. One where memory cannot be shared. */
  readonly threads?: number;
  /**
   * Lets V8 pack pairs of 128-bit vectors into 256 bits (Node 24 and later, x64): two to three times the speed, the same
   * bits. It is an experimental flag of the whole process, so it is off unless asked for.
   */
  readonly revectorize?: boolean;
}

const MAX_THREADS = 64;

/**
 * The kernels in WebAssembly SIMD on a pool of threads. Results are the same bits for any number of threads, with and
 * without `revectorize`, on every machine. Calls are done when they return.
 * @throws OptionError, DeviceError (a worker does not start, the self-check fails), LimitError (no memory)
 */
export async function openWasm({ threads, revectorize = false }: WasmOptions = {}): Promise<Backend> {
  if (threads !== undefined) checkInteger(optionChecker('openWasm'), 'threads', threads, 1, MAX_THREADS);
  const count = sharedMemoryAllowed() ? Math.min(threads ?? hardwareConcurrency(), MAX_THREADS) : 1;
  if (revectorize) allowPacking();
  const open = async (): Promise<Device> => {
    const module = await compileKernels(count > 1);
    const memory = createLinearMemory({ shared: count > 1 });
    return { memory, pool: await openPool(module, memory, count) };
  };
  const device = await open();
  const wrong = selfCheck(device, packingInForce());
  if (wrong === undefined) return createBackend(device, packingInForce());
  await device.pool.dispose();
  if (!packingInForce()) throw wrong;
  console.warn(`${wrong.message} Going on with 128-bit vectors.`);
  forbidPacking();
  const plain = await open();
  const still = selfCheck(plain, false);
  if (still === undefined) return createBackend(plain, false);
  await plain.pool.dispose();
  throw still;
}

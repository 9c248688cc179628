/** Sums over all elements: fixed blocks on all threads, then the blocks' sums in order on this one. */
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import type { KernelCall } from '../backend.js';
import { at, type Entries, grainOf, scratchBytes, sizes, type Threads } from './calls.js';

export function sumKernels(threads: Threads): Entries<'sum' | 'sumSquares'> {
  const { pool, memory } = threads;
  const block = (pool.exports.sumBlock as KernelFunction)();
  const scratch = scratchBytes(threads, 'sumBlocks', []);
  const total = (call: KernelCall<'sum' | 'sumSquares'>, squares: 0 | 1) => {
    const [size] = sizes(call, ['size']);
    const { x, total } = call.operands;
    const { slot, accumulate } = call.params;
    const blocks = Math.ceil(size / block);
    const partial = memory.allocate(4 * blocks, 'partial sums');
    try {
      pool.parallel('sumBlocks', [at(x), partial, size, squares], blocks, grainOf(threads, blocks, block), scratch);
      pool.call('sumPartials', [partial, blocks, at(total), slot, accumulate]);
    } finally {
      memory.free(partial);
    }
  };
  return { sum: (call) => total(call, 0), sumSquares: (call) => total(call, 1) };
}

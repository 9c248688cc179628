/**
 * Attention, forward and backward: blocks of queries or keys are shared among threads, and few queries have a kernel of
 * their own.
 */
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import type { KernelCall } from '../backend.js';
import type { Kernels } from '../kernels/index.js';
import { argumentsOf, type Entries, grainOf, scratchBytes, type Threads } from './calls.js';

/** Up to this many queries, each reads its keys and values by itself. */
const DECODE_QUERIES = 4;

type Attending = 'attention' | 'attentionBackwardQuery' | 'attentionBackwardKeyValue' | 'attentionBackwardBias';
type AttentionDims = Readonly<Record<Kernels[Attending]['dims'][number], number>>;

export function attentionKernels(threads: Threads): Entries<Attending> {
  const { pool } = threads;
  /** Queries or keys of a block. */
  const block = (pool.exports.attentionBlock as KernelFunction)();
  /** Runs function `name` over `total` units of `cost` operations each. */
  const share = <K extends Attending>(
    kernel: K,
    call: KernelCall<K>,
    total: number,
    cost: number,
    name: string = kernel,
  ) => {
    const { batch, heads, queries, headDim, kvHeads, capacity } = call.dims as AttentionDims;
    const scratch = scratchBytes(threads, name, [batch, heads, queries, headDim, kvHeads, capacity]);
    pool.parallel(name, argumentsOf(kernel, call), total, grainOf(threads, total, cost), scratch);
  };
  return {
    attention(call) {
      const { batch, heads, queries, headDim, capacity } = call.dims as AttentionDims;
      if (queries <= DECODE_QUERIES) {
        share('attention', call, batch * heads * queries, 2 * capacity * headDim, 'attentionDecode');
      } else {
        const units = batch * heads * Math.ceil(queries / block);
        share('attention', call, units, Math.min(queries, block) * capacity * headDim);
      }
    },
    attentionBackwardQuery(call) {
      const { batch, heads, queries, headDim, capacity } = call.dims as AttentionDims;
      const units = batch * heads * Math.ceil(queries / block);
      share('attentionBackwardQuery', call, units, Math.min(queries, block) * capacity * headDim);
    },
    attentionBackwardKeyValue(call) {
      const { batch, heads, queries, headDim, kvHeads, capacity } = call.dims as AttentionDims;
      const units = batch * kvHeads * Math.ceil(capacity / block);
      const cost = (heads / kvHeads) * queries * Math.min(capacity, block) * headDim;
      share('attentionBackwardKeyValue', call, units, cost);
    },
    attentionBackwardBias(call) {
      const { batch, heads, queries, headDim, capacity } = call.dims as AttentionDims;
      share('attentionBackwardBias', call, heads, batch * queries * capacity * headDim);
    },
  };
}

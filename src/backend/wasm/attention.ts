import type { KernelCall } from '../backend.js';
import { at, type Entries, grainOf, scratchBytes, sizes, type Threads } from './calls.js';

/** Queries or keys of a block: BLOCK of assembly/compute/attention/shared/attentionShape.ts. */
const BLOCK = 64;
/** Up to this many queries, each reads its keys and values by itself. */
const DECODE_QUERIES = 4;

type Attending = 'attention' | 'attentionBackwardQuery' | 'attentionBackwardKeyValue' | 'attentionBackwardBias';

/** What the kernels take after their pointers. */
function shapeOf(call: Pick<KernelCall<Attending>, 'dims' | 'params'>) {
  const [batch, heads, queries, headDim] = sizes(call, ['batch', 'heads', 'queries', 'headDim']);
  const [kvHeads, capacity, offsets] = sizes(call, ['kvHeads', 'capacity', 'offsets']);
  const { scale, causal, past, origin, seed, threshold, keepScale } = call.params;
  const args = [
    heads,
    queries,
    headDim,
    kvHeads,
    capacity,
    offsets,
    scale,
    causal,
    past,
    origin,
    seed,
    threshold,
    keepScale,
  ];
  return { batch, heads, queries, headDim, kvHeads, capacity, args };
}

/** Attention, forward and backward. */
export function attentionKernels(device: Threads): Entries<Attending | 'attentionDelta'> {
  const { pool } = device;
  const deltaScratch = scratchBytes(device, 'attentionDelta');
  return {
    attention(call) {
      const { q, k, v, bias, keyRange, y, stats } = call.operands;
      const { batch, heads, queries, headDim, capacity, args } = shapeOf(call);
      const all = [at(q), at(k), at(v), at(bias), at(keyRange), at(y), at(stats), ...args, call.params.biased];
      if (queries <= DECODE_QUERIES) {
        const units = batch * heads * queries;
        const grain = grainOf(device, units, 2 * capacity * headDim);
        pool.parallel('attentionDecode', all, units, grain, scratchBytes(device, 'attentionDecode', capacity));
        return;
      }
      const units = batch * heads * Math.ceil(queries / BLOCK);
      const grain = grainOf(device, units, Math.min(queries, BLOCK) * capacity * headDim);
      pool.parallel('attention', all, units, grain, scratchBytes(device, 'attention', headDim));
    },
    attentionDelta(call) {
      const [batch, heads, queries, headDim] = sizes(call, ['batch', 'heads', 'queries', 'headDim']);
      const { y, dy, stats } = call.operands;
      const rows = batch * heads * queries;
      const grain = grainOf(device, rows, 2 * headDim);
      pool.parallel('attentionDelta', [at(y), at(dy), at(stats), headDim], rows, grain, deltaScratch);
    },
    attentionBackwardQuery(call) {
      const { q, k, v, bias, keyRange, dy, stats, dq } = call.operands;
      const { batch, heads, queries, headDim, capacity, args } = shapeOf(call);
      const pointers = [at(q), at(k), at(v), at(bias), at(keyRange), at(dy), at(stats), at(dq)];
      const all = [...pointers, ...args, call.params.biased];
      const units = batch * heads * Math.ceil(queries / BLOCK);
      const grain = grainOf(device, units, Math.min(queries, BLOCK) * capacity * headDim);
      pool.parallel('attentionBackwardQuery', all, units, grain, scratchBytes(device, 'attention', headDim));
    },
    attentionBackwardKeyValue(call) {
      const { q, k, v, bias, keyRange, dy, stats, dkv } = call.operands;
      const { batch, heads, queries, headDim, kvHeads, capacity, args } = shapeOf(call);
      const pointers = [at(q), at(k), at(v), at(bias), at(keyRange), at(dy), at(stats), at(dkv)];
      const all = [...pointers, ...args, call.params.biased];
      const units = batch * kvHeads * Math.ceil(capacity / BLOCK);
      const grain = grainOf(device, units, (heads / kvHeads) * queries * Math.min(capacity, BLOCK) * headDim);
      pool.parallel('attentionBackwardKeyValue', all, units, grain, scratchBytes(device, 'attention', headDim));
    },
    attentionBackwardBias(call) {
      const { q, k, v, bias, keyRange, dy, stats, dbias } = call.operands;
      const { batch, heads, queries, headDim, capacity, args } = shapeOf(call);
      const pointers = [at(q), at(k), at(v), at(bias), at(keyRange), at(dy), at(stats), at(dbias)];
      const grain = grainOf(device, heads, batch * queries * capacity * headDim);
      const scratch = scratchBytes(device, 'attention', headDim);
      pool.parallel('attentionBackwardBias', [...pointers, batch, ...args], heads, grain, scratch);
    },
  };
}

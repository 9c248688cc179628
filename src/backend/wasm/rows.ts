import { at, type Entries, grainOf, scratchBytes, sizes, type Threads } from './calls.js';

/** Kernels that work row by row: embeddings, layer norms, and what moves heads about. */
export function rowKernels(
  device: Threads,
): Entries<
  | 'embedding'
  | 'embeddingBackward'
  | 'embeddingF16'
  | 'embeddingInt8'
  | 'layerNorm'
  | 'layerNormBackward'
  | 'layerNormBackwardWeights'
  | 'mergeHeads'
  | 'splitHeads'
> {
  const { pool } = device;
  const normScratch = scratchBytes(device, 'layerNorm');
  return {
    embedding(call) {
      const [tokens, cols] = sizes(call, ['tokens', 'cols']);
      const { table, ids, y } = call.operands;
      pool.parallel('embedding', [at(table), at(ids), at(y), cols], tokens, grainOf(device, tokens, cols));
    },
    embeddingBackward(call) {
      const [tokens, uniques, cols] = sizes(call, ['tokens', 'uniques', 'cols']);
      const { dy, order, unique, starts, dtable } = call.operands;
      const args = [at(dy), at(order), at(unique), at(starts), at(dtable), cols];
      pool.parallel('embeddingBackward', args, uniques, grainOf(device, uniques, (tokens / uniques) * cols));
    },
    embeddingF16(call) {
      const [tokens, cols] = sizes(call, ['tokens', 'cols']);
      const { table, ids, y } = call.operands;
      const args = [at(table), at(ids), at(y), cols, call.params.scale];
      pool.parallel('embeddingF16', args, tokens, grainOf(device, tokens, 2 * cols));
    },
    embeddingInt8(call) {
      const [tokens, cols] = sizes(call, ['tokens', 'cols']);
      const { table, scales, ids, y } = call.operands;
      const args = [at(table), at(scales), at(ids), at(y), cols];
      pool.parallel('embeddingInt8', args, tokens, grainOf(device, tokens, 2 * cols));
    },
    layerNorm(call) {
      const [rows, cols] = sizes(call, ['rows', 'cols']);
      const { x, weight, bias, y, mean, rstd } = call.operands;
      const args = [at(x), at(weight), at(bias), at(y), at(mean), at(rstd), cols, call.params.eps];
      pool.parallel('layerNorm', args, rows, grainOf(device, rows, 4 * cols), normScratch);
    },
    layerNormBackward(call) {
      const [rows, cols] = sizes(call, ['rows', 'cols']);
      const { x, weight, mean, rstd, dy, dx } = call.operands;
      const args = [at(x), at(weight), at(mean), at(rstd), at(dy), at(dx), cols];
      pool.parallel('layerNormBackward', args, rows, grainOf(device, rows, 6 * cols), normScratch);
    },
    layerNormBackwardWeights(call) {
      const [rows, cols] = sizes(call, ['rows', 'cols']);
      const { x, mean, rstd, dy, dweight, dbias } = call.operands;
      const args = [at(x), at(mean), at(rstd), at(dy), at(dweight), at(dbias), rows, cols];
      pool.parallel('layerNormBackwardWeights', args, cols, grainOf(device, cols, 4 * rows, 16));
    },
    mergeHeads(call) {
      const [batch, seq, width, parts] = sizes(call, ['batch', 'seq', 'width', 'parts']);
      const [heads, headDim] = sizes(call, ['heads', 'headDim']);
      const { x, y } = call.operands;
      const { column, part } = call.params;
      const args = [at(x), at(y), seq, width, parts, heads, headDim, column, part];
      pool.parallel('mergeHeads', args, batch * seq, grainOf(device, batch * seq, heads * headDim));
    },
    splitHeads(call) {
      const [batch, seq, width, heads] = sizes(call, ['batch', 'seq', 'width', 'heads']);
      const [capacity, headDim] = sizes(call, ['capacity', 'headDim']);
      const { x, y } = call.operands;
      const { column, start } = call.params;
      const args = [at(x), at(y), seq, width, heads, capacity, headDim, column, start];
      pool.parallel('splitHeads', args, batch * seq, grainOf(device, batch * seq, heads * headDim));
    },
  };
}

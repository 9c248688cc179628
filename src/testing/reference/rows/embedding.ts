import { int4Elements } from '../int4Elements.js';
import { int8Elements } from '../int8Elements.js';
import { expected, type Reference, untouched } from '../types.js';

export const embedding: Reference<'embedding'> = ({ tokens, cols }, { table, ids }) => {
  const y = expected(tokens * cols);
  for (let t = 0; t < tokens; t++) {
    for (let c = 0; c < cols; c++) {
      const entry = table[ids[t]! * cols + c]!;
      y.value[t * cols + c] = entry;
      y.scale[t * cols + c] = Math.abs(entry);
    }
  }
  return { y };
};

export const embeddingF16: Reference<'embeddingF16'> = (dims, { table, ids }, { scale }) =>
  embedding(dims, { table: table.map((half) => half * scale), ids }, {});

export const embeddingInt8: Reference<'embeddingInt8'> = (dims, { table, scales, ids }) =>
  embedding(dims, { table: int8Elements([dims.rows, dims.cols], table, scales), ids }, {});

export const embeddingInt4: Reference<'embeddingInt4'> = (dims, { table, scales, ids }, { scale }) =>
  embedding(dims, { table: int4Elements([dims.rows, dims.cols], table, scales, scale).element, ids }, {});

export const embeddingBackward: Reference<'embeddingBackward'> = (
  { cols, uniques },
  { dy, order, unique, starts, dtable: before },
) => {
  const dtable = untouched(before);
  for (let u = 0; u < uniques; u++) {
    for (let position = starts[u]!; position < starts[u + 1]!; position++) {
      for (let c = 0; c < cols; c++) {
        const term = dy[order[position]! * cols + c]!;
        dtable.value[unique[u]! * cols + c]! += term;
        dtable.scale[unique[u]! * cols + c]! += Math.abs(term);
      }
    }
  }
  return { dtable };
};

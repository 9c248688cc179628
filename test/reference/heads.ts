import { type Reference, untouched } from './types.js';

export const splitHeads: Reference<'splitHeads'> = (
  { batch, seq, width, heads, capacity, headDim },
  { x, y: before },
  { column, start },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let s = 0; s < seq; s++) {
        for (let e = 0; e < headDim; e++) {
          const entry = x[(b * seq + s) * width + column + h * headDim + e]!;
          const at = ((b * heads + h) * capacity + start + s) * headDim + e;
          y.value[at] = entry;
          y.scale[at] = Math.abs(entry);
        }
      }
    }
  }
  return { y };
};

export const mergeHeads: Reference<'mergeHeads'> = (
  { batch, seq, width, parts, heads, headDim },
  { x, y: before },
  { column, part },
) => {
  const y = untouched(before);
  for (let b = 0; b < batch; b++) {
    for (let s = 0; s < seq; s++) {
      for (let h = 0; h < heads; h++) {
        for (let e = 0; e < headDim; e++) {
          const entry = x[(((b * parts + part) * heads + h) * seq + s) * headDim + e]!;
          const at = (b * seq + s) * width + column + h * headDim + e;
          y.value[at] = entry;
          y.scale[at] = Math.abs(entry);
        }
      }
    }
  }
  return { y };
};

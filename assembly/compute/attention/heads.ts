// Between token-major [batch, seq, width] and head-major [batch, (parts,) heads, capacity, headDim]. Range: token
// positions, batch * seq.
import { copyFloats } from '../shared/simd';

/** y[b, h, start + s, e] = x[b, s, column + h * headDim + e] */
export function splitHeads(
  x: usize, y: usize, batch: u32, seq: u32, width: u32, heads: u32, capacity: u32, headDim: u32, column: u32, start: u32, begin: u32, end: u32,
): void {
  for (let t = begin; t < end; t++) {
    const b = t / seq;
    const position = start + (t % seq);
    let from = x + ((<usize>t * width + column) << 2);
    for (let h: u32 = 0; h < heads; h++) {
      copyFloats(from, y + ((<usize>((b * heads + h) * capacity + position) * headDim) << 2), headDim);
      from += (<usize>headDim) << 2;
    }
  }
}

/** y[b, s, column + h * headDim + e] = x[b, part, h, s, e] */
export function mergeHeads(
  x: usize, y: usize, batch: u32, seq: u32, width: u32, parts: u32, heads: u32, headDim: u32, column: u32, part: u32, begin: u32, end: u32,
): void {
  for (let t = begin; t < end; t++) {
    const b = t / seq;
    const s = t % seq;
    let to = y + ((<usize>t * width + column) << 2);
    for (let h: u32 = 0; h < heads; h++) {
      copyFloats(x + ((<usize>(((b * parts + part) * heads + h) * seq + s) * headDim) << 2), to, headDim);
      to += (<usize>headDim) << 2;
    }
  }
}

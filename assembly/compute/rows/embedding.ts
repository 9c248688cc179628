import { addFloats, copyFloats } from '../shared/simd';
import { int4RowBytes, widenInt4 } from '../shared/int4';
import { F16, INT8, widenElements } from '../shared/stored';

/** y[t, c] = table[ids[t], c]. Range: tokens. */
export function embedding(table: usize, ids: usize, y: usize, tokens: u32, rows: u32, cols: u32, begin: u32, end: u32): void {
  for (let t = begin; t < end; t++) {
    copyFloats(table + ((<usize>load<u32>(ids + (t << 2)) * cols) << 2), y + ((<usize>t * cols) << 2), cols);
  }
}

/** y[t, c] = table[ids[t], c] * scale, the table in f16. Range: tokens. */
export function embeddingF16(
  table: usize, ids: usize, y: usize, tokens: u32, rows: u32, cols: u32, scale: f32, begin: u32, end: u32,
): void {
  for (let t = begin; t < end; t++) {
    const row = <usize>load<u32>(ids + (t << 2));
    widenElements(F16, table + ((row * cols) << 1), y + ((<usize>t * cols) << 2), cols, scale);
  }
}

/** y[t, c] = table[ids[t], c] * scales[ids[t], group of c], the table in int8. Range: tokens. */
export function embeddingInt8(
  table: usize, scales: usize, ids: usize, y: usize, tokens: u32, rows: u32, cols: u32, groups: u32, begin: u32, end: u32,
): void {
  const each = cols / groups;
  for (let t = begin; t < end; t++) {
    const row = <usize>load<u32>(ids + (t << 2));
    let from = table + row * cols;
    let to = y + ((<usize>t * cols) << 2);
    for (let g: u32 = 0; g < groups; g++) {
      widenElements(INT8, from, to, each, load<f32>(scales + ((row * groups + g) << 2)));
      from += each;
      to += (<usize>each) << 2;
    }
  }
}

/** y[t, c] = table[ids[t], c] * scale, the table in int4. Range: tokens. */
export function embeddingInt4(
  table: usize, scales: usize, ids: usize, y: usize, tokens: u32, rows: u32, cols: u32, halves: u32, scale: f32, begin: u32,
  end: u32,
): void {
  for (let t = begin; t < end; t++) {
    const row = <usize>load<u32>(ids + (t << 2));
    const from = table + row * int4RowBytes(cols);
    widenInt4(from, scales + ((row * halves) << 1), cols, halves, scale, 0, cols, y + ((<usize>t * cols) << 2));
  }
}

/**
 * dtable[unique[u], c] += sum over t in order[starts[u] .. starts[u + 1]) of dy[t, c], in that order. Range: unique
 * ids, each of which owns a row of dtable.
 */
export function embeddingBackward(
  dy: usize, order: usize, unique: usize, starts: usize, dtable: usize, tokens: u32, rows: u32, cols: u32, uniques: u32, bounds: u32,
  begin: u32, end: u32,
): void {
  for (let u = begin; u < end; u++) {
    const to = dtable + ((<usize>load<u32>(unique + (u << 2)) * cols) << 2);
    const last = load<u32>(starts + (u << 2), 4);
    for (let t = load<u32>(starts + (u << 2)); t < last; t++) {
      addFloats(dy + ((<usize>load<u32>(order + (t << 2)) * cols) << 2), to, cols);
    }
  }
}

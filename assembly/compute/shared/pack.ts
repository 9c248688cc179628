// Copies a block of a matrix into the panels of tile.ts: `width` rows or columns a panel (4 for the left operand, 16
// for the right one), depth-major [depth][width], the last panel padded with zeros. `stride` is the distance of the
// source's rows in bytes.
import { loadUpTo, zero } from './simd';

/** Source [count, depth], the depth along its rows: transposes, four rows at a time. */
export function packAlongRows(source: usize, stride: usize, count: u32, depth: u32, panels: usize, width: u32): void {
  const step = (<usize>width) << 2;
  const padded = (count + width - 1) / width * width;
  for (let i: u32 = 0; i < padded; i += 4) {
    let to = panels + ((i / width * width * depth) << 2) + ((i % width) << 2);
    const rows = i < count ? min(count - i, 4) : 0;
    if (rows == 0) {
      for (let p: u32 = 0; p < depth; p++) {
        v128.store(to, zero());
        to += step;
      }
      continue;
    }
    // Rows beyond the last read the first one again, and their lanes are cleared.
    const s0 = source + <usize>i * stride;
    const s1 = rows > 1 ? s0 + stride : s0;
    const s2 = rows > 2 ? s1 + stride : s0;
    const s3 = rows > 3 ? s2 + stride : s0;
    const keep = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rows));
    for (let p: u32 = 0; p < depth; p += 4) {
      const left = min(depth - p, 4);
      const at = (<usize>p) << 2;
      const r0 = loadUpTo(s0 + at, left, zero());
      const r1 = loadUpTo(s1 + at, left, zero());
      const r2 = loadUpTo(s2 + at, left, zero());
      const r3 = loadUpTo(s3 + at, left, zero());
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.and(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), keep));
      to += step;
      if (left > 1) {
        v128.store(to, v128.and(v128.shuffle<i32>(t0, t1, 2, 3, 6, 7), keep));
        to += step;
      }
      if (left > 2) {
        v128.store(to, v128.and(v128.shuffle<i32>(t2, t3, 0, 1, 4, 5), keep));
        to += step;
      }
      if (left > 3) {
        v128.store(to, v128.and(v128.shuffle<i32>(t2, t3, 2, 3, 6, 7), keep));
        to += step;
      }
    }
  }
}

/** Source [depth, count], the depth across its rows: copies `width` neighbours of each row. */
export function packAcrossRows(source: usize, stride: usize, count: u32, depth: u32, panels: usize, width: u32): void {
  let to = panels;
  for (let i: u32 = 0; i < count; i += width) {
    const cols = min(count - i, width);
    let from = source + (i << 2);
    if (cols == 16) {
      for (let p: u32 = 0; p < depth; p++) {
        const v0 = v128.load(from);
        const v1 = v128.load(from, 16);
        const v2 = v128.load(from, 32);
        const v3 = v128.load(from, 48);
        v128.store(to, v0);
        v128.store(to, v1, 16);
        v128.store(to, v2, 32);
        v128.store(to, v3, 48);
        from += stride;
        to += 64;
      }
      continue;
    }
    for (let p: u32 = 0; p < depth; p++) {
      for (let j: u32 = 0; j < width; j += 4) {
        v128.store(to, j < cols ? loadUpTo(from + (j << 2), min(cols - j, 4), zero()) : zero());
        to += 16;
      }
      from += stride;
    }
  }
}

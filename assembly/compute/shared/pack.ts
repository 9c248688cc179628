// Copies a block of a matrix into the panels of tile.ts, depth-major: those of the left operand hold panelRows rows,
// those of the right one 16 columns. The last panel is padded with zeros. `stride` is the distance of the source's rows
// in bytes.
import { loadUpTo, zero } from './simd';
import { panelRows } from './tile';

/** The left operand from a source [rows, depth]. */
export function packLeftAlongRows(source: usize, stride: usize, rows: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < rows; ) {
    const height = panelRows(rows - i);
    const step = (<usize>height) << 2;
    transposeFour(source, stride, min(rows - i, 4), depth, panels, step);
    if (height == 6) transposeTwo(source + 4 * stride, stride, rows - i - 4, depth, panels + 16, step);
    source += <usize>height * stride;
    panels += <usize>depth * step;
    i += height;
  }
}

/** The right operand from a source [cols, depth]. */
export function packRightAlongRows(source: usize, stride: usize, cols: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < cols; i += 16) {
    for (let j: u32 = 0; j < 16; j += 4) {
      if (i + j < cols) transposeFour(source + <usize>j * stride, stride, min(cols - i - j, 4), depth, panels + (j << 2), 64);
      else clearFour(depth, panels + (j << 2), 64);
    }
    source += stride << 4;
    panels += (<usize>depth) << 6;
  }
}

/** The left operand from a source [depth, rows]. */
export function packLeftAcrossRows(source: usize, stride: usize, rows: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < rows; ) {
    const height = panelRows(rows - i);
    const step = (<usize>height) << 2;
    copyUpToFour(source, stride, min(rows - i, 4), depth, panels, step);
    if (height == 6) copyUpToTwo(source + 16, stride, rows - i - 4, depth, panels + 16, step);
    source += step;
    panels += <usize>depth * step;
    i += height;
  }
}

/** The right operand from a source [depth, cols]. */
export function packRightAcrossRows(source: usize, stride: usize, cols: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < cols; i += 16) {
    const count = min(cols - i, 16);
    if (count == 16) copySixteen(source, stride, depth, panels);
    else {
      for (let j: u32 = 0; j < 16; j += 4) {
        if (j < count) copyUpToFour(source + (j << 2), stride, min(count - j, 4), depth, panels + (j << 2), 64);
        else clearFour(depth, panels + (j << 2), 64);
      }
    }
    source += 64;
    panels += (<usize>depth) << 6;
  }
}

/** One to four rows of `source`, transposed: records of four columns, `step` bytes apart, one for each of the depth. */
function transposeFour(source: usize, stride: usize, rows: u32, depth: u32, to: usize, step: usize): void {
  // Rows beyond the last read the first one again, and their lanes are cleared.
  const s1 = rows > 1 ? source + stride : source;
  const s2 = rows > 2 ? s1 + stride : source;
  const s3 = rows > 3 ? s2 + stride : source;
  const keep = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rows));
  for (let p: u32 = 0; p < depth; p += 4) {
    const left = min(depth - p, 4);
    const at = (<usize>p) << 2;
    const r0 = loadUpTo(source + at, left, zero());
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

/** The same with one or two rows and records of two columns. */
function transposeTwo(source: usize, stride: usize, rows: u32, depth: u32, to: usize, step: usize): void {
  const s1 = rows > 1 ? source + stride : source;
  const keep = i32x4.lt_s(i32x4(0, 1, 0, 1), i32x4.splat(rows));
  for (let p: u32 = 0; p < depth; p += 4) {
    const left = min(depth - p, 4);
    const at = (<usize>p) << 2;
    const r0 = loadUpTo(source + at, left, zero());
    const r1 = loadUpTo(s1 + at, left, zero());
    const t0 = v128.and(v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), keep);
    const t1 = v128.and(v128.shuffle<i32>(r0, r1, 2, 6, 3, 7), keep);
    v128.store_lane<i64>(to, t0, 0);
    to += step;
    if (left > 1) {
      v128.store_lane<i64>(to, t0, 1);
      to += step;
    }
    if (left > 2) {
      v128.store_lane<i64>(to, t1, 0);
      to += step;
    }
    if (left > 3) {
      v128.store_lane<i64>(to, t1, 1);
      to += step;
    }
  }
}

/** One to four columns of `source` as records of four, `step` bytes apart. */
function copyUpToFour(source: usize, stride: usize, count: u32, depth: u32, to: usize, step: usize): void {
  for (let p: u32 = 0; p < depth; p++) {
    v128.store(to, loadUpTo(source, count, zero()));
    source += stride;
    to += step;
  }
}

/** One or two columns of `source` as records of two, `step` bytes apart. */
function copyUpToTwo(source: usize, stride: usize, count: u32, depth: u32, to: usize, step: usize): void {
  for (let p: u32 = 0; p < depth; p++) {
    v128.store_lane<i64>(to, loadUpTo(source, count, zero()), 0);
    source += stride;
    to += step;
  }
}

/** Sixteen columns of `source` as records of sixteen, one after another. */
function copySixteen(source: usize, stride: usize, depth: u32, to: usize): void {
  for (let p: u32 = 0; p < depth; p++) {
    const v0 = v128.load(source);
    const v1 = v128.load(source, 16);
    const v2 = v128.load(source, 32);
    const v3 = v128.load(source, 48);
    v128.store(to, v0);
    v128.store(to, v1, 16);
    v128.store(to, v2, 32);
    v128.store(to, v3, 48);
    source += stride;
    to += 64;
  }
}

/** Records of four zeros, `step` bytes apart. */
function clearFour(depth: u32, to: usize, step: usize): void {
  for (let p: u32 = 0; p < depth; p++) {
    v128.store(to, zero());
    to += step;
  }
}

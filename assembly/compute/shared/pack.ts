// Copies a block of a matrix into the panels of tile.ts, depth-major: those of the left operand hold panelRows rows,
// those of the right one 16 columns. Missing columns are zeros, missing rows are zeros or repeat the first one.
// `stride` is the distance of the source's rows in bytes. Where it is a power of two, rows compete for the same few
// cache lines, so each line is read once, with its neighbours.
import { loadUpTo, zero } from './simd';
import { panelRows, TALL } from './tile';

/** The left operand from a source [rows, depth]. */
export function packLeftAlongRows(source: usize, stride: usize, rows: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < rows; ) {
    const height = panelRows(rows - i);
    if (height == 6) transposeSix(source, stride, min(rows - i, 6), depth, panels);
    else transposeFour(source, stride, min(rows - i, 4), depth, panels, 16);
    source += <usize>height * stride;
    panels += (<usize>depth * height) << 2;
    i += height;
  }
}

/** The right operand from a source [cols, depth]. */
export function packRightAlongRows(source: usize, stride: usize, cols: u32, depth: u32, panels: usize): void {
  for (let i: u32 = 0; i < cols; i += 16) {
    for (let j: u32 = 0; j < 16; j += 4) {
      const count = i + j < cols ? min(cols - i - j, 4) : 0;
      const to = panels + (j << 2);
      if (count > 0) transposeFour(source + <usize>j * stride, stride, count, depth, to, 64);
      if (count < 4) clearColumns(count, depth, to);
    }
    source += stride << 4;
    panels += (<usize>depth) << 6;
  }
}

/** The left operand from a source [depth, rows]. */
export function packLeftAcrossRows(source: usize, stride: usize, rows: u32, depth: u32, panels: usize): void {
  let tall: u32 = 0;
  while (rows - tall >= TALL && panelRows(rows - tall) == TALL) tall += TALL;
  copyTall(source, stride, tall, depth, panels);
  for (let i = tall; i < rows; ) {
    const height = panelRows(rows - i);
    copyColumns(source + (i << 2), stride, min(rows - i, height), depth, panels + ((<usize>depth * i) << 2), height);
    i += height;
  }
}

/** The right operand from a source [depth, cols]. */
export function packRightAcrossRows(source: usize, stride: usize, cols: u32, depth: u32, panels: usize): void {
  let i: u32 = 0;
  for (; i + 64 <= cols; i += 64) copySixteens(source + (i << 2), stride, 64, depth, panels + ((<usize>depth * i) << 2));
  for (; i + 16 <= cols; i += 16) copySixteens(source + (i << 2), stride, 16, depth, panels + ((<usize>depth * i) << 2));
  if (i < cols) copyColumns(source + (i << 2), stride, cols - i, depth, panels + ((<usize>depth * i) << 2), 16);
}

/**
 * One to four rows of `source`, transposed: records of four columns, `step` bytes apart, one for each of the depth.
 * Missing rows repeat the first one.
 */
function transposeFour(source: usize, stride: usize, rows: u32, depth: u32, to: usize, step: usize): void {
  const s1 = rows > 1 ? stride : 0;
  const s2 = rows > 2 ? stride << 1 : 0;
  const s3 = rows > 3 ? stride * 3 : 0;
  for (let whole = depth >> 2; whole != 0; whole--) {
    const r0 = v128.load(source);
    const r1 = v128.load(source + s1);
    const r2 = v128.load(source + s2);
    const r3 = v128.load(source + s3);
    const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i32>(t0, t1, 0, 1, 4, 5));
    v128.store(to + step, v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
    to += step << 1;
    v128.store(to, v128.shuffle<i32>(t2, t3, 0, 1, 4, 5));
    v128.store(to + step, v128.shuffle<i32>(t2, t3, 2, 3, 6, 7));
    to += step << 1;
    source += 16;
  }
  for (let left = depth & 3; left != 0; left--) {
    store<f32>(to, load<f32>(source));
    store<f32>(to, load<f32>(source + s1), 4);
    store<f32>(to, load<f32>(source + s2), 8);
    store<f32>(to, load<f32>(source + s3), 12);
    to += step;
    source += 4;
  }
}

/** Five or six rows of `source`, transposed: records of six columns. A missing row repeats the first one. */
function transposeSix(source: usize, stride: usize, rows: u32, depth: u32, to: usize): void {
  const s1 = stride;
  const s2 = stride << 1;
  const s3 = stride * 3;
  const s4 = stride << 2;
  const s5 = rows > 5 ? stride * 5 : 0;
  for (let whole = depth >> 2; whole != 0; whole--) {
    const r0 = v128.load(source);
    const r1 = v128.load(source + s1);
    const r2 = v128.load(source + s2);
    const r3 = v128.load(source + s3);
    const r4 = v128.load(source + s4);
    const r5 = v128.load(source + s5);
    const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(r4, r5, 0, 4, 1, 5);
    const t3 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const t4 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    const t5 = v128.shuffle<i32>(r4, r5, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i32>(t0, t1, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<i32>(t2, t0, 0, 1, 6, 7), 16);
    v128.store(to, v128.shuffle<i32>(t1, t2, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<i32>(t3, t4, 0, 1, 4, 5), 48);
    v128.store(to, v128.shuffle<i32>(t5, t3, 0, 1, 6, 7), 64);
    v128.store(to, v128.shuffle<i32>(t4, t5, 2, 3, 6, 7), 80);
    to += 96;
    source += 16;
  }
  for (let left = depth & 3; left != 0; left--) {
    store<f32>(to, load<f32>(source));
    store<f32>(to, load<f32>(source + s1), 4);
    store<f32>(to, load<f32>(source + s2), 8);
    store<f32>(to, load<f32>(source + s3), 12);
    store<f32>(to, load<f32>(source + s4), 16);
    store<f32>(to, load<f32>(source + s5), 20);
    to += 24;
    source += 4;
  }
}

/** Columns of `source` to panels of TALL rows, of which `count` is a multiple. */
function copyTall(source: usize, stride: usize, count: u32, depth: u32, panels: usize): void {
  const apart = (<usize>depth * TALL) << 2;
  for (let p: u32 = 0; p < depth; p++) {
    const end = source + (count << 2);
    let to = panels;
    for (let from = source; from < end; from += TALL << 2) {
      v128.store(to, v128.load(from));
      if (TALL == 6) store<u64>(to, load<u64>(from, 16), 16);
      to += apart;
    }
    source += stride;
    panels += TALL << 2;
  }
}

/** Sixteen or 64 columns of `source` to panels of sixteen. */
function copySixteens(source: usize, stride: usize, count: u32, depth: u32, panels: usize): void {
  const apart = (<usize>depth) << 6;
  for (let p: u32 = 0; p < depth; p++) {
    const end = source + (count << 2);
    let to = panels;
    for (let from = source; from < end; from += 64) {
      const v0 = v128.load(from);
      const v1 = v128.load(from, 16);
      const v2 = v128.load(from, 32);
      const v3 = v128.load(from, 48);
      v128.store(to, v0);
      v128.store(to, v1, 16);
      v128.store(to, v2, 32);
      v128.store(to, v3, 48);
      to += apart;
    }
    source += stride;
    panels += 64;
  }
}

/** `count` columns of `source` as records of `width`, an even number, padded with zeros. */
function copyColumns(source: usize, stride: usize, count: u32, depth: u32, to: usize, width: u32): void {
  for (let p: u32 = 0; p < depth; p++) {
    for (let j: u32 = 0; j < width; j += 4) {
      const v = j < count ? loadUpTo(source + (j << 2), min(count - j, 4), zero()) : zero();
      if (width - j >= 4) v128.store(to, v, 0);
      else v128.store_lane<i64>(to, v, 0);
      to += min(width - j, 4) << 2;
    }
    source += stride;
  }
}

/** Zeros from column `first` to 3 of records of four that are 64 bytes apart. */
function clearColumns(first: u32, depth: u32, to: usize): void {
  for (let p: u32 = 0; p < depth; p++) {
    for (let j = first; j < 4; j++) store<f32>(to + (j << 2), 0);
    to += 64;
  }
}

// How sure two models are, and whether they agree, row by row. Same contract as kernels/rows/compareRows.wgsl.
import { log1 } from '../shared/math';
import { scratch } from '../shared/scratch';
import { loadUpTo, madd, sumLanes, zero } from '../shared/simd';
import { BLOCK, firstIndex, rowExp, rowMax } from '../shared/softmaxRow';

const SUMS: usize = 64;

/** Working memory of a thread, in bytes: sums, and a row of exponentials. */
export function compareRowsScratch(rows: u32, vocab: u32): usize {
  return SUMS + (<usize>vocab << 2);
}

/**
 * The entropies of both, and 1 where their likeliest tokens are the same, else 0. Rows whose label is -100 give zeros.
 * Range: rows.
 */
export function compareRows(
  teacher: usize, student: usize, labels: usize, teacherEntropy: usize, studentEntropy: usize, agreement: usize,
  rows: u32, vocab: u32, begin: u32, end: u32,
): void {
  const exps = scratch() + SUMS;
  for (let r = begin; r < end; r++) {
    if (load<i32>(labels + (r << 2)) == -100) {
      store<f32>(teacherEntropy + (r << 2), 0);
      store<f32>(studentEntropy + (r << 2), 0);
      store<f32>(agreement + (r << 2), 0);
      continue;
    }
    const offset = (<usize>r * vocab) << 2;
    const t = teacher + offset;
    const s = student + offset;
    const teacherMax = rowMax(t, vocab, scratch());
    const studentMax = rowMax(s, vocab, scratch());
    store<f32>(teacherEntropy + (r << 2), entropy(t, exps, vocab, teacherMax));
    store<f32>(studentEntropy + (r << 2), entropy(s, exps, vocab, studentMax));
    const isSame = firstIndex(t, vocab, teacherMax) == firstIndex(s, vocab, studentMax);
    store<f32>(agreement + (r << 2), isSame ? 1 : 0);
  }
}

/** log(sum e^x) - sum x e^x / sum e^x, x being the distances from the largest: both addends are at least 0. */
function entropy(row: usize, exps: usize, count: u32, most: f32): f32 {
  const sum = rowExp(row, exps, count, most, 1, scratch());
  const least = f32x4.splat(-1e30);
  const from = f32x4.splat(most);
  let total = zero();
  for (let begin: u32 = 0; begin < count; begin += BLOCK) {
    const end = min(begin + BLOCK, count);
    let part = zero();
    for (let i = begin; i < end; i += 4) {
      const at = (<usize>i) << 2;
      const left = min(end - i, 4);
      const distance = f32x4.pmax(f32x4.sub(loadUpTo(row + at, left, from), from), least);
      part = madd(loadUpTo(exps + at, left, zero()), distance, part);
    }
    total = f32x4.add(total, part);
  }
  return sum < f32.MAX_VALUE ? log1(sum) - sumLanes(total) / sum : f32.NaN;
}

// Divergences between teacher p and student q, row by row, value and gradient. Same contract as
// kernels/rows/divergence.wgsl, computed otherwise: here a row's exponentials are kept, and probabilities are their
// quotients; there each is computed anew from log-probabilities, and terms of KL have a series where they cancel.
//
// A row takes four passes; its exponentials stay in the second-level cache between them:
//   1 maxima of both rows   2 exponentials and their sums   3 loss and q g   4 student = gradScale / T * q (g - sum q g)
// The formulas of pass 3 are in divergenceTerms.ts, those of rows in which both models are nearly even in evenTerms.ts.
//
// Where the student gives nearly all probability to one token, g - sum q g would be rounding noise there. Only
// differences of g matter, so the g of the student's likeliest token is subtracted from all, and its own q g is exactly
// 0.
import { terms } from './shared/divergenceTerms';
import { EVEN, evenTerms } from './shared/evenTerms';
import { BLOCK_SUMS, DOT, LOSS, ORIGIN, ROW_BYTES, ROW_SUMS, setRow } from './shared/divergenceRow';
import { expBytes, rowGradient } from './shared/rowGradient';
import { log1 } from '../shared/math';
import { scratch } from '../shared/scratch';
import { fillFloats, sumPair } from '../shared/simd';
import { BLOCK, firstIndex, rowExp, rowMax, rowMin } from '../shared/softmaxRow';

/** Working memory of a thread, in bytes: the row's constants and sums, and two rows of exponentials. */
export function divergenceScratch(rows: u32, vocab: u32): usize {
  return ROW_BYTES + 2 * expBytes(vocab);
}

/**
 * loss[r] in nats; student becomes gradScale * dloss[r] / dstudent. Rows whose label is -100 give zeros; those whose loss
 * is above `clamp`, unless that is 0, give `clamp` and no gradient. Range: rows.
 */
export function divergence(
  teacher: usize, labels: usize, student: usize, loss: usize,
  rows: u32, vocab: u32, weight: f32, temperature: f32, gradScale: f32, teacherTemperature: f32, clamp: f32, kind: u32,
  begin: u32, end: u32,
): void {
  const row = scratch();
  const p = row + ROW_BYTES;
  const q = p + expBytes(vocab);
  const factor = <f32>1 / temperature;
  const teacherFactor = <f32>1 / teacherTemperature;
  // Exactly 1 where both have one temperature, so that products with it change nothing.
  const stretch = temperature / teacherTemperature;
  for (let r = begin; r < end; r++) {
    const offset = (<usize>r * vocab) << 2;
    const t = teacher + offset;
    const s = student + offset;
    if (load<i32>(labels + (r << 2)) == -100) {
      store<f32>(loss + (r << 2), 0);
      fillFloats(s, vocab, 0);
      continue;
    }
    const teacherMax = rowMax(t, vocab, row);
    const studentMax = rowMax(s, vocab, row);
    const teacherSum = rowExp(t, p, vocab, teacherMax, teacherFactor, row);
    const studentSum = rowExp(s, q, vocab, studentMax, factor, row);
    // Of NaN or +infinity no softmax can be made. The logarithm of such a sum would be a number again.
    if (!(teacherSum + studentSum < f32.MAX_VALUE)) {
      store<f32>(loss + (r << 2), f32.NaN);
      fillFloats(s, vocab, f32.NaN);
      continue;
    }
    const even =
      mayBeEven(teacherSum, studentSum, vocab) &&
      ((teacherMax - rowMin(t, vocab, row)) * stretch + studentMax - rowMin(s, vocab, row)) * factor < EVEN;
    const shift = even ? log1(studentSum / teacherSum) : log1(studentSum) - log1(teacherSum);
    setRow(row, teacherMax, studentMax, 1 / teacherSum, 1 / studentSum, factor, shift, weight, stretch);
    // First the likeliest token alone, for its g. Then p = q = 0 are stored for it, so that the pass over the row adds
    // nothing.
    const top = (<usize>firstIndex(s, vocab, studentMax)) << 2;
    passTerms(even, kind, row, t + top, s + top, p + top, q + top, 1);
    const topLoss = sumPair(row + BLOCK_SUMS + LOSS);
    const topShare = load<f32>(q + top) / studentSum;
    store<f32>(row + ORIGIN, sumPair(row + BLOCK_SUMS + DOT) / topShare);
    store<f32>(p + top, 0);
    store<f32>(q + top, 0);
    for (let i: u32 = 0; i < vocab; i += BLOCK) {
      const at = (<usize>i) << 2;
      passTerms(even, kind, row, t + at, s + at, p + at, q + at, min(vocab - i, BLOCK));
      for (let j: usize = 0; j < 64; j += 16) {
        v128.store(row + ROW_SUMS + j, f32x4.add(v128.load(row + ROW_SUMS + j), v128.load(row + BLOCK_SUMS + j)));
      }
    }
    const dot = sumPair(row + ROW_SUMS + DOT);
    const rowLoss = topLoss + sumPair(row + ROW_SUMS + LOSS);
    if (clamp > 0 && rowLoss > clamp) {
      store<f32>(loss + (r << 2), clamp);
      fillFloats(s, vocab, 0);
      continue;
    }
    store<f32>(loss + (r << 2), rowLoss);
    rowGradient(s, q, vocab, dot / studentSum, gradScale * factor);
    store<f32>(s + top, -(gradScale * factor) * topShare * dot);
  }
}

/**
 * Whether no token of a row can be less likely than another by more than EVEN, both models together: the mean of e^(x - max)
 * is then at least e^-range. Of all other rows it is told without a look at them.
 */
// @ts-ignore: decorator
@inline
function mayBeEven(teacherSum: f32, studentSum: f32, vocab: u32): bool {
  return (teacherSum / <f32>vocab) * (studentSum / <f32>vocab) > 0.77; // e^-EVEN = 0.7788
}

// @ts-ignore: decorator
@inline
function passTerms(even: bool, kind: u32, row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  if (even) evenTerms(kind, row, t, s, p, q, count);
  else terms(kind, row, t, s, p, q, count);
}

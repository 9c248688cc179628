// The alpha-beta divergence between two of teacher p, student q and their mixture r, row by row, value and gradient. Same
// contract as kernels/rows/alphaBeta.wgsl, computed alike but for two things: the student's probabilities in the last pass
// are quotients of exponentials that were kept, and what belongs to a token is made once and kept in place of its logits.
//
// A row takes up to seven passes; the last two have no exponentials:
//   1 maxima of both rows   2 exponentials and their sums   3, 4 the mixture and its sum, where the pair has it
//   5 the loss, d, which is what log q changes of it, and their sums   6 d without most of its mean, and its sum
//   7 student = gradScale / T * (d - q sum d)
// The formulas of passes 3 and 5 are in shared/alphaBetaTerms.ts.
//
// Where the student gives nearly all probability to one token, d - q sum d would cancel there. It is taken as d times the
// probability of all other tokens, less q times the sum of their d.
//
// Where teacher and student have few likely tokens in common, d is nearly q times a constant, and the error of the sum
// would be most of what is left. So d is first taken less q times the sum that pass 5 found, which changes no gradient:
// pass 6 then adds up what is small.
import { TARGET_STUDENT, TEACHER_STUDENT } from '../../../build/divergenceKinds';
import { mixtureSum, mixtureTerms, terms } from './shared/alphaBetaTerms';
import {
  CROSS, D, FACTOR, H, LOG_MIXTURE, LOG_STUDENT, LOG_TEACHER, LOSS, MEAN_BYTES, MEAN_SUMS, MIXED,
  ROW_BYTES, ROW_SUMS, setDivergence, SHIFT, STRETCH,
  STUDENT_MAX, STUDENT_SCALE, SUM_BYTES, TEACHER_MAX, TEACHER_SCALE,
} from './shared/alphaBetaRow';
import { expBytes, rowGradient } from './shared/rowGradient';
import { exp1, log1 } from '../shared/math';
import { scratch } from '../shared/scratch';
import { fillFloats, loadUpTo, nmadd, storeUpTo, sumLanes, zero } from '../shared/simd';
import { BLOCK, firstIndex, rowExp, rowMax } from '../shared/softmaxRow';

/** Working memory of a thread, in bytes: the row's constants and sums, the mixture and the student's exponentials. */
export function alphaBetaScratch(rows: u32, vocab: u32): usize {
  return ROW_BYTES + 2 * expBytes(vocab);
}

/**
 * loss[r] and, of a target, crossEntropy[r]; student becomes gradScale * dloss[r] / dstudent. Rows whose label is -100 give
 * zeros; those whose loss is above `clamp`, unless that is 0, give `clamp` and no gradient. Range: rows.
 */
export function alphaBeta(
  teacher: usize, labels: usize, student: usize, loss: usize, crossEntropy: usize, rows: u32, vocab: u32, weight: f32,
  power: f32, alpha: f32, beta: f32, temperature: f32, gradScale: f32, teacherTemperature: f32, clamp: f32, pair: u32,
  begin: u32, end: u32,
): void {
  const row = scratch();
  const mixed = row + ROW_BYTES;
  const q = mixed + expBytes(vocab);
  const factor = <f32>1 / temperature;
  setDivergence(row, weight, power, alpha, beta);
  store<f32>(row + FACTOR, factor);
  store<f32>(row + STRETCH, temperature / teacherTemperature);
  for (let r = begin; r < end; r++) {
    const offset = (<usize>r * vocab) << 2;
    const t = teacher + offset;
    const s = student + offset;
    if (load<i32>(labels + (r << 2)) == -100) {
      store<f32>(loss + (r << 2), 0);
      store<f32>(crossEntropy + (r << 2), 0);
      fillFloats(s, vocab, 0);
      continue;
    }
    const teacherMax = rowMax(t, vocab, row);
    const studentMax = rowMax(s, vocab, row);
    const teacherSum = rowExp(t, mixed, vocab, teacherMax, <f32>1 / teacherTemperature, row);
    const studentSum = rowExp(s, q, vocab, studentMax, factor, row);
    // Of NaN or +infinity no softmax can be made.
    if (!(teacherSum + studentSum < f32.MAX_VALUE)) {
      store<f32>(loss + (r << 2), f32.NaN);
      store<f32>(crossEntropy + (r << 2), f32.NaN);
      fillFloats(s, vocab, f32.NaN);
      continue;
    }
    store<f32>(row + TEACHER_MAX, teacherMax);
    store<f32>(row + STUDENT_MAX, studentMax);
    const logTeacher = log1(teacherSum);
    const logStudent = log1(studentSum);
    store<f32>(row + LOG_TEACHER, logTeacher);
    store<f32>(row + LOG_STUDENT, logStudent);
    store<f32>(row + TEACHER_SCALE, exp1(-(alpha + beta) * logTeacher));
    store<f32>(row + STUDENT_SCALE, exp1(-(alpha + beta) * logStudent));
    store<f32>(row + SHIFT, log1(studentSum / teacherSum));
    store<f32>(row + LOG_MIXTURE, 0);
    if (pair != TEACHER_STUDENT) {
      const most = mixtureTerms(row, t, s, mixed, vocab);
      store<f32>(row + LOG_MIXTURE, most + log1(mixtureSum(row, t, s, mixed, vocab, most)));
    }
    fillFloats(row + ROW_SUMS, SUM_BYTES >> 2, 0);
    fillFloats(row + MEAN_SUMS, MEAN_BYTES >> 2, 0);
    for (let i: u32 = 0; i < vocab; i += BLOCK) {
      const at = (<usize>i) << 2;
      terms(pair, row, t + at, s + at, mixed + at, min(vocab - i, BLOCK));
    }
    const rowLoss = sumLanes(v128.load(row + ROW_SUMS, LOSS));
    store<f32>(crossEntropy + (r << 2), pair == TARGET_STUDENT ? sumLanes(v128.load(row + ROW_SUMS, CROSS)) : 0);
    if (clamp > 0 && rowLoss > clamp) {
      store<f32>(loss + (r << 2), clamp);
      fillFloats(s, vocab, 0);
      continue;
    }
    store<f32>(loss + (r << 2), rowLoss);
    // The student's likeliest token: the one whose exponential is 1.
    const top = (<usize>firstIndex(q, vocab, 1)) << 2;
    const sumH = sumLanes(v128.load(row + ROW_SUMS, H));
    const mean = sumLanes(v128.load(row + MEAN_SUMS, D)) - sumH * sumLanes(v128.load(row + MEAN_SUMS, MIXED));
    const topShare = load<f32>(q + top) / studentSum;
    const topD = load<f32>(s + top) - sumH * load<f32>(mixed + top) - mean * topShare;
    // Zeros are stored for it, so that the sums are those of all others.
    store<f32>(s + top, 0);
    store<f32>(mixed + top, 0);
    store<f32>(q + top, 0);
    const others = derivatives(row, s, mixed, q, vocab, sumH, mean / studentSum);
    const sumD = sumLanes(v128.load(row));
    rowGradient(s, q, vocab, (topD + sumD) / studentSum, gradScale * factor);
    store<f32>(s + top, gradScale * factor * (topD * (others / studentSum) - topShare * sumD));
  }
}

/**
 * Pass 6: student = student - h mixed - mean q, the derivatives by log q without most of their mean. Returns the sum of
 * the exponentials `q`; the sum of what student holds is left in the four lanes at `row`.
 */
function derivatives(row: usize, student: usize, mixed: usize, q: usize, count: u32, h: f32, mean: f32): f32 {
  const by = f32x4.splat(h);
  const less = f32x4.splat(mean);
  let total = zero();
  let share = zero();
  for (let begin: u32 = 0; begin < count; begin += BLOCK) {
    const end = min(begin + BLOCK, count);
    let sum = zero();
    let exps = zero();
    for (let i = begin; i < end; i += 4) {
      const at = (<usize>i) << 2;
      const left = min(end - i, 4);
      const e = loadUpTo(q + at, left, zero());
      const all = nmadd(loadUpTo(mixed + at, left, zero()), by, loadUpTo(student + at, left, zero()));
      const d = nmadd(e, less, all);
      sum = f32x4.add(sum, d);
      exps = f32x4.add(exps, e);
      storeUpTo(student + at, d, left);
    }
    total = f32x4.add(total, sum);
    share = f32x4.add(share, exps);
  }
  v128.store(row, total);
  return sumLanes(share);
}

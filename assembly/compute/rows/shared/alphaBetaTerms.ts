// The formulas of the alpha-beta divergence for four tokens, in log-probabilities.
//
// With A, B the two distributions of the pair, c = a + b, d = log A - log B and D = |d|, all that is needed are
//   gA = (A^c - A^a B^b) / b,  gB = (B^c - A^a B^b) / a,  and the term of the loss, (gA + gB) / c.
// With F(k) = (1 - e^(-k D)) / k, D at k = 0, and the larger of A^c and B^c as M:
//   d > 0: gA = M F(b), gB = -M e^(-b D) F(a);  d < 0: gB = M F(a), gA = -M e^(-a D) F(b).
// So no power overflows, and a or b of 0 is no case apart: F has a series near 0. Where c D is small the two
// nearly cancel: there the term is B^c times a series in d, whose coefficients have no singularity either.
//
// The mixture is kept as the logarithm of r, before it is normalised, over the larger of p and q: so large logits lose
// nothing, and where p and q are near it is made of log p - log q, which comes from the logits, by series.
import {
  MIXTURE_STUDENT, MIXTURE_TEACHER, STUDENT_MIXTURE, TARGET_STUDENT, TEACHER_MIXTURE, TEACHER_STUDENT,
} from '../../../../build/divergenceKinds';
import {
  ALPHA, BETA, CROSS, D, FACTOR, H, INVERSE_ALPHA, INVERSE_BETA, INVERSE_POWER, INVERSE_TOTAL, LOG_MIXTURE, LOG_ODDS,
  LOG_REST, LOG_STUDENT, LOG_TEACHER, LOG_WEIGHT, LOSS, MEAN_SUMS, MIXED, POWER, ROW_SUMS, SERIES, SHIFT, STRETCH,
  STUDENT_MAX, STUDENT_SCALE, TEACHER_MAX, TEACHER_SCALE, TOTAL, WEIGHT,
} from './alphaBetaRow';
import { artanhSlope, expSlopeNear } from './nearZero';
import { lowLanes } from '../../shared/constants';
import { exp4, log1p4 } from '../../shared/math';
import { loadUpTo, madd, maxLanes, storeUpTo, sumLanes, zero } from '../../shared/simd';
import { BLOCK } from '../../shared/softmaxRow';

/** Below it a series is more accurate than what cancels. */
const NEAR: f32 = 0.25;
/** Beyond every distance that changes a probability, and finite in every product here. */
const FAR: f32 = 1e30;

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

// @ts-ignore: decorator
@inline
function held(row: usize, offset: usize): v128 {
  return v128.load32_splat(row + offset);
}

/** Between -FAR and FAR. */
// @ts-ignore: decorator
@inline
function bounded(x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, all(-FAR)), all(FAR));
}

/** Distance of a logit from the row's largest; that of -infinity is finite. */
// @ts-ignore: decorator
@inline
function below(logits: v128, most: v128): v128 {
  return f32x4.sub(f32x4.pmax(logits, all(-FAR)), most);
}

/** log p - log q, from the distances of both logits. */
// @ts-ignore: decorator
@inline
function logRatio(row: usize, t: v128, s: v128): v128 {
  // Teacher and student meet before the product: equal logits give exactly the shift.
  return bounded(madd(f32x4.sub(f32x4.mul(t, held(row, STRETCH)), s), held(row, FACTOR), held(row, SHIFT)));
}
// @ts-ignore: decorator
@inline
function logTeacher(row: usize, t: v128): v128 {
  return bounded(f32x4.sub(f32x4.mul(f32x4.mul(t, held(row, STRETCH)), held(row, FACTOR)), held(row, LOG_TEACHER)));
}
// @ts-ignore: decorator
@inline
function logStudent(row: usize, s: v128): v128 {
  return bounded(f32x4.sub(f32x4.mul(s, held(row, FACTOR)), held(row, LOG_STUDENT)));
}

/** (1 - e^(-k d)) / k for d >= 0; `x` is k d, `e` is e^-x, `inverse` 1 / k. Far from 0 it has the same bits for all d. */
// @ts-ignore: decorator
@inline
function rise(d: v128, x: v128, e: v128, inverse: v128): v128 {
  const near = f32x4.mul(d, expSlopeNear(f32x4.neg(f32x4.pmin(x, all(NEAR)))));
  return v128.bitselect(near, f32x4.mul(f32x4.sub(all(1), e), inverse), f32x4.lt(x, all(NEAR)));
}

/** log(1 + u) / u for u between -0.25 and 0.3: 2 artanh(u / (2 + u)) / u. */
// @ts-ignore: decorator
@inline
function logSlopeNear(u: v128): v128 {
  const over = f32x4.add(all(2), u);
  const s = f32x4.div(u, over);
  const y = artanhSlope(f32x4.mul(s, s));
  return f32x4.div(f32x4.add(y, y), over);
}

/** log(1 + e^x) */
// @ts-ignore: decorator
@inline
function softplus(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.add(f32x4.pmax(x, zero()), log1p4(e, f32x4.add(e, all(1))));
}

/** log of (weight p^power + (1 - weight) q^power)^(1 / power) over the larger of p and q; d = log p - log q. */
// @ts-ignore: decorator
@inline
function mixtureOverLarger(row: usize, d: v128): v128 {
  const y = f32x4.mul(d, held(row, POWER));
  const isOver = f32x4.gt(d, zero());
  const x = f32x4.pmin(f32x4.pmax(y, all(-NEAR)), all(NEAR));
  const rise = f32x4.mul(held(row, WEIGHT), expSlopeNear(x));
  const overStudent = f32x4.mul(d, f32x4.mul(rise, logSlopeNear(f32x4.mul(rise, x))));
  const near = v128.bitselect(f32x4.sub(overStudent, d), overStudent, isOver);
  const z = f32x4.add(y, held(row, LOG_ODDS));
  const base = v128.bitselect(held(row, LOG_WEIGHT), held(row, LOG_REST), isOver);
  const away = f32x4.add(base, softplus(v128.bitselect(f32x4.neg(z), z, isOver)));
  const far = f32x4.mul(away, held(row, INVERSE_POWER));
  return v128.bitselect(near, bounded(far), f32x4.lt(f32x4.abs(y), all(NEAR)));
}

/** Lanes below `count`. */
// @ts-ignore: decorator
@inline
function lanes(count: u32): v128 {
  return i32x4.lt_s(lowLanes(), i32x4.splat(count));
}

/** Pass 3: fills `mixed`, see `mixtureOverLarger`. Returns the largest logarithm of the mixture. */
export function mixtureTerms(row: usize, teacher: usize, student: usize, mixed: usize, count: u32): f32 {
  const teacherMax = held(row, TEACHER_MAX);
  const studentMax = held(row, STUDENT_MAX);
  let most = all(-2 * FAR);
  for (let i: u32 = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    const t = below(loadUpTo(teacher + at, left, teacherMax), teacherMax);
    const s = below(loadUpTo(student + at, left, studentMax), studentMax);
    const m = mixtureOverLarger(row, logRatio(row, t, s));
    const log = f32x4.add(f32x4.pmax(logTeacher(row, t), logStudent(row, s)), m);
    most = f32x4.pmax(most, v128.bitselect(log, most, lanes(left)));
    storeUpTo(mixed + at, m, left);
  }
  return maxLanes(most);
}

/** Pass 4: the sum of the mixture over e^most. */
export function mixtureSum(row: usize, teacher: usize, student: usize, mixed: usize, count: u32, most: f32): f32 {
  const teacherMax = held(row, TEACHER_MAX);
  const studentMax = held(row, STUDENT_MAX);
  const from = all(most);
  let total = zero();
  for (let begin: u32 = 0; begin < count; begin += BLOCK) {
    const end = min(begin + BLOCK, count);
    let sum = zero();
    for (let i = begin; i < end; i += 4) {
      const at = (<usize>i) << 2;
      const left = min(end - i, 4);
      const t = below(loadUpTo(teacher + at, left, teacherMax), teacherMax);
      const s = below(loadUpTo(student + at, left, studentMax), studentMax);
      const log = f32x4.add(f32x4.pmax(logTeacher(row, t), logStudent(row, s)), loadUpTo(mixed + at, left, zero()));
      sum = f32x4.add(sum, v128.and(exp4(f32x4.sub(log, from)), lanes(left)));
    }
    total = f32x4.add(total, sum);
  }
  return sumLanes(total);
}

/**
 * Pass 5 over one block of a row: adds to the row's sums. Then student holds the derivative of the loss by log q, less
 * `mixed` times the sum of the derivatives by log r.
 */
export function terms(pair: u32, row: usize, teacher: usize, student: usize, mixed: usize, count: u32): void {
  const teacherMax = held(row, TEACHER_MAX);
  const studentMax = held(row, STUDENT_MAX);
  const alpha = held(row, ALPHA);
  const beta = held(row, BETA);
  const total = held(row, TOTAL);
  const isChained = pair != TEACHER_STUDENT && pair != TARGET_STUDENT;
  let losses = zero();
  let chains = zero();
  let crosses = zero();
  let derivatives = zero();
  let shares = zero();
  for (let i: u32 = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    const inside = lanes(left);
    const t = below(loadUpTo(teacher + at, left, teacherMax), teacherMax);
    const s = below(loadUpTo(student + at, left, studentMax), studentMax);
    const ratio = logRatio(row, t, s);
    const logP = logTeacher(row, t);
    const logQ = logStudent(row, s);
    let first = logP;
    let second = logQ;
    let d = ratio;
    let logR = logQ;
    if (pair != TEACHER_STUDENT) {
      const m = f32x4.sub(loadUpTo(mixed + at, left, zero()), held(row, LOG_MIXTURE));
      logR = f32x4.add(f32x4.pmax(logP, logQ), m);
      // log p - log r and log q - log r
      if (pair == TEACHER_MIXTURE || pair == MIXTURE_TEACHER) d = f32x4.sub(f32x4.pmin(ratio, zero()), m);
      else d = f32x4.sub(f32x4.pmin(f32x4.neg(ratio), zero()), m);
      if (pair == STUDENT_MIXTURE) first = logQ;
      if (pair == TEACHER_MIXTURE || pair == STUDENT_MIXTURE) second = logR;
      else {
        first = logR;
        second = pair == MIXTURE_TEACHER ? logP : logQ;
        d = f32x4.neg(d);
      }
    }
    const far = f32x4.pmin(f32x4.abs(d), all(FAR));
    const isOver = f32x4.gt(d, zero());
    const alphas = f32x4.mul(alpha, far);
    const betas = f32x4.mul(beta, far);
    const ofAlpha = exp4(f32x4.neg(alphas));
    const ofBeta = exp4(f32x4.neg(betas));
    let most: v128;
    if (pair == TEACHER_STUDENT) {
      // Without the logarithm of the sum, which would round off the digits of likely tokens that cancel in the gradient.
      const distance = v128.bitselect(f32x4.mul(t, held(row, STRETCH)), s, isOver);
      const scale = v128.bitselect(held(row, TEACHER_SCALE), held(row, STUDENT_SCALE), isOver);
      most = f32x4.mul(exp4(f32x4.mul(total, f32x4.mul(distance, held(row, FACTOR)))), scale);
    } else most = exp4(f32x4.mul(total, f32x4.pmax(first, second)));
    const both = f32x4.neg(f32x4.mul(most, v128.bitselect(ofBeta, ofAlpha, isOver)));
    const byFirst = f32x4.mul(v128.bitselect(most, both, isOver), rise(far, betas, ofBeta, held(row, INVERSE_BETA)));
    const bySecond = f32x4.mul(v128.bitselect(both, most, isOver), rise(far, alphas, ofAlpha, held(row, INVERSE_ALPHA)));
    // B^c times the series.
    const isNear = f32x4.lt(f32x4.mul(total, far), all(NEAR));
    const x = v128.bitselect(d, zero(), isNear);
    let series = madd(x, held(row, SERIES + 20), held(row, SERIES + 16));
    series = madd(x, series, held(row, SERIES + 12));
    series = madd(x, series, held(row, SERIES + 8));
    series = madd(x, series, held(row, SERIES + 4));
    series = madd(x, series, held(row, SERIES));
    const power = f32x4.mul(most, v128.bitselect(f32x4.mul(ofAlpha, ofBeta), all(1), isOver));
    const near = f32x4.mul(power, f32x4.mul(f32x4.mul(x, x), series));
    const direct = f32x4.mul(f32x4.add(byFirst, bySecond), held(row, INVERSE_TOTAL));
    losses = f32x4.add(losses, v128.and(v128.bitselect(near, direct, isNear), inside));
    if (!isChained) {
      if (pair == TARGET_STUDENT) {
        const cross = f32x4.mul(exp4(logR), f32x4.neg(logQ));
        crosses = f32x4.add(crosses, v128.and(cross, inside));
      }
      derivatives = f32x4.add(derivatives, v128.and(bySecond, inside));
      storeUpTo(student + at, bySecond, left);
      storeUpTo(mixed + at, zero(), left);
      continue;
    }
    const chain = pair == MIXTURE_TEACHER || pair == MIXTURE_STUDENT ? byFirst : bySecond;
    chains = f32x4.add(chains, v128.and(chain, inside));
    // dlog r / dlog q of a token alone
    const odds = exp4(madd(ratio, held(row, POWER), held(row, LOG_ODDS)));
    const share = f32x4.div(all(1), f32x4.add(all(1), odds));
    let derivative = f32x4.mul(share, chain);
    if (pair == STUDENT_MIXTURE) derivative = f32x4.add(derivative, byFirst);
    if (pair == MIXTURE_STUDENT) derivative = f32x4.add(derivative, bySecond);
    const ofMixture = f32x4.mul(share, exp4(logR));
    derivatives = f32x4.add(derivatives, v128.and(derivative, inside));
    shares = f32x4.add(shares, v128.and(ofMixture, inside));
    storeUpTo(student + at, derivative, left);
    storeUpTo(mixed + at, ofMixture, left);
  }
  const sums = row + ROW_SUMS;
  v128.store(sums, f32x4.add(v128.load(sums, LOSS), losses), LOSS);
  v128.store(sums, f32x4.add(v128.load(sums, H), chains), H);
  v128.store(sums, f32x4.add(v128.load(sums, CROSS), crosses), CROSS);
  const means = row + MEAN_SUMS;
  v128.store(means, f32x4.add(v128.load(means, D), derivatives), D);
  v128.store(means, f32x4.add(v128.load(means, MIXED), shares), MIXED);
}

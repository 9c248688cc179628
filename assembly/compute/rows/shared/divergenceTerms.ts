// Pass 3 of a divergence: the loss of each token of the vocabulary, and q g, where dloss/dz = q (g - sum q g).
//
// p and q come from exponentials that are exactly 0 where they would be subnormal; log(p / q) comes from the logits, so
// it stays exact where p or q vanish. Mixtures are the log-sum-exp form with the common factor divided out:
// log(p / m) is taken of a ratio of at most 1 / weight, log(q / m) is -log(weight) - log1p(x), x = the teacher's part
// of the mixture over the student's. Terms with p = 0 or q = 0 are exactly 0. g is defined up to a constant, since
// subtracting sum q g cancels it. The constant is chosen so that g is accurate for tokens with p << q: there g nears a
// limit, and only the distance from it matters. divergence.ts then subtracts the g of one token.
import {
  FORWARD_KL, JENSEN_SHANNON, REVERSE_KL, SKEW_KL, SKEW_REVERSE_KL, SYMMETRIC_KL, TOTAL_VARIATION,
} from '../../../../build/divergenceKinds';
import { BLOCK_SUMS, DOT, FACTOR, LOSS, ORIGIN, SHIFT, STRETCH, STUDENT_MAX, STUDENT_SCALE, TEACHER_MAX, TEACHER_SCALE, WEIGHT } from './divergenceRow';
import { constant, HALF, ONE, SLOPE_0, SLOPE_1, SLOPE_2, SLOPE_3, SLOPE_4, SLOPE_SERIES, SMALLEST, ZERO } from '../../shared/constants';
import { log1p4, log4 } from '../../shared/math';
import { loadUpTo, madd, nmadd, storeUpTo, zero } from '../../shared/simd';

// @ts-ignore: decorator
@inline
function one(): v128 {
  return constant(ONE);
}

/** x where the probability is not 0, else 0: hides the infinity or NaN of a log that 0 multiplies. */
// @ts-ignore: decorator
@inline
function where(probability: v128, x: v128): v128 {
  return v128.and(x, f32x4.ne(probability, constant(ZERO)));
}

/** x / (a x + b y), a + b = 1; 0 where both vanish. */
// @ts-ignore: decorator
@inline
function share(a: v128, x: v128, b: v128, y: v128): v128 {
  return f32x4.div(x, f32x4.pmax(madd(a, x, f32x4.mul(b, y)), constant(SMALLEST)));
}

// The terms of each form. lr = log(p / q), w = weight, v = 1 - weight.

/** Term of KL(p, q). */
// @ts-ignore: decorator
@inline
function forwardTerm(p: v128, lr: v128): v128 {
  return where(p, f32x4.mul(p, lr));
}

/** Term of KL(q, p); also its q g. */
// @ts-ignore: decorator
@inline
function reverseTerm(q: v128, lr: v128): v128 {
  return where(q, f32x4.mul(q, f32x4.neg(lr)));
}

/** x = v p / (w q): the teacher's part of the mixture over the student's. */
// @ts-ignore: decorator
@inline
function partRatio(p: v128, q: v128, w: v128, v: v128): v128 {
  return f32x4.div(f32x4.mul(v, p), f32x4.pmax(f32x4.mul(w, q), constant(SMALLEST)));
}

/** log(1 + x) = -log(w q / m) */
// @ts-ignore: decorator
@inline
function softplus(x: v128): v128 {
  return log1p4(x, f32x4.add(x, one()));
}

/** x / (1 + x) - log(1 + x); a series where the two nearly cancel. */
// @ts-ignore: decorator
@inline
function skewSlope(x: v128): v128 {
  let series = madd(x, constant(SLOPE_4), constant(SLOPE_3));
  series = madd(x, series, constant(SLOPE_2));
  series = madd(x, series, constant(SLOPE_1));
  series = madd(x, series, constant(SLOPE_0));
  series = f32x4.mul(f32x4.mul(x, x), series);
  const direct = f32x4.sub(f32x4.div(x, f32x4.add(x, one())), softplus(x));
  return v128.bitselect(series, direct, f32x4.lt(x, constant(SLOPE_SERIES)));
}

/** `logW` is log w. */
// @ts-ignore: decorator
@inline
function loss(form: u32, p: v128, q: v128, lr: v128, w: v128, v: v128, logW: v128): v128 {
  if (form == FORWARD_KL) return forwardTerm(p, lr);
  if (form == REVERSE_KL) return reverseTerm(q, lr);
  if (form == SYMMETRIC_KL) return madd(v, forwardTerm(p, lr), f32x4.mul(w, reverseTerm(q, lr)));
  if (form == TOTAL_VARIATION) return f32x4.mul(constant(HALF), f32x4.abs(f32x4.sub(p, q)));
  if (form == SKEW_KL) return f32x4.mul(p, log4(share(w, p, v, q)));
  const student = f32x4.mul(q, f32x4.neg(f32x4.add(logW, softplus(partRatio(p, q, w, v)))));
  if (form == SKEW_REVERSE_KL) return student;
  return madd(w, student, f32x4.mul(v, f32x4.mul(p, log4(share(v, p, w, q)))));
}

/** q g of a token. The compiler computes terms that the loss shares with it once. */
// @ts-ignore: decorator
@inline
function weighted(form: u32, p: v128, q: v128, lr: v128, w: v128, v: v128): v128 {
  if (form == FORWARD_KL) return f32x4.sub(q, p);
  if (form == REVERSE_KL) return reverseTerm(q, lr);
  if (form == SYMMETRIC_KL) return madd(v, f32x4.sub(q, p), f32x4.mul(w, reverseTerm(q, lr)));
  if (form == JENSEN_SHANNON) return f32x4.mul(f32x4.mul(w, q), f32x4.neg(softplus(partRatio(p, q, w, v))));
  if (form == TOTAL_VARIATION) {
    const half = f32x4.mul(constant(HALF), q);
    return f32x4.sub(v128.and(half, f32x4.gt(q, p)), v128.and(half, f32x4.lt(q, p)));
  }
  if (form == SKEW_KL) return f32x4.neg(f32x4.mul(f32x4.mul(v, q), share(w, p, v, q)));
  return f32x4.mul(q, skewSlope(partRatio(p, q, w, v)));
}

/** Whether the terms of a form are made of lr, which comes from the logits. */
// @ts-ignore: decorator
@inline
function readsLogits(form: u32): bool {
  return form == FORWARD_KL || form == REVERSE_KL || form == SYMMETRIC_KL;
}

/** Fills the block's sums; student becomes q (g - origin). `p`, `q` point to the exponentials. */
// @ts-ignore: decorator
@inline
function block(form: u32, row: usize, teacher: usize, student: usize, p: usize, q: usize, count: u32): void {
  const teacherMax = v128.load32_splat(row, TEACHER_MAX);
  const studentMax = v128.load32_splat(row, STUDENT_MAX);
  const teacherScale = v128.load32_splat(row, TEACHER_SCALE);
  const studentScale = v128.load32_splat(row, STUDENT_SCALE);
  const factor = v128.load32_splat(row, FACTOR);
  const shift = v128.load32_splat(row, SHIFT);
  const stretch = v128.load32_splat(row, STRETCH);
  const w = v128.load32_splat(row, WEIGHT);
  const v = f32x4.sub(one(), w);
  const logW = log4(w);
  const origin = v128.load32_splat(row, ORIGIN);
  let lossLo = zero();
  let lossHi = zero();
  let dotLo = zero();
  let dotHi = zero();
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const at = (<usize>i) << 2;
    const pl = f32x4.mul(v128.load(p + at), teacherScale);
    const ph = f32x4.mul(v128.load(p + at, 16), teacherScale);
    const ql = f32x4.mul(v128.load(q + at), studentScale);
    const qh = f32x4.mul(v128.load(q + at, 16), studentScale);
    let rl = shift;
    let rh = shift;
    if (readsLogits(form)) {
      const tl = f32x4.mul(f32x4.sub(v128.load(teacher + at), teacherMax), stretch);
      const th = f32x4.mul(f32x4.sub(v128.load(teacher + at, 16), teacherMax), stretch);
      // Teacher and student meet before the product, so that equal logits give exactly the shift in either arithmetic.
      rl = madd(f32x4.sub(tl, f32x4.sub(v128.load(student + at), studentMax)), factor, shift);
      rh = madd(f32x4.sub(th, f32x4.sub(v128.load(student + at, 16), studentMax)), factor, shift);
    }
    lossLo = f32x4.add(lossLo, loss(form, pl, ql, rl, w, v, logW));
    lossHi = f32x4.add(lossHi, loss(form, ph, qh, rh, w, v, logW));
    const gl = nmadd(ql, origin, weighted(form, pl, ql, rl, w, v));
    const gh = nmadd(qh, origin, weighted(form, ph, qh, rh, w, v));
    dotLo = f32x4.add(dotLo, gl);
    dotHi = f32x4.add(dotHi, gh);
    v128.store(student + at, gl);
    v128.store(student + at, gh, 16);
  }
  v128.store(row, lossLo, BLOCK_SUMS + LOSS);
  v128.store(row, lossHi, BLOCK_SUMS + LOSS + 16);
  v128.store(row, dotLo, BLOCK_SUMS + DOT);
  v128.store(row, dotHi, BLOCK_SUMS + DOT + 16);
  for (; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    // Lanes behind the row have p = q = 0 and add nothing.
    const pt = f32x4.mul(loadUpTo(p + at, left, zero()), teacherScale);
    const qt = f32x4.mul(loadUpTo(q + at, left, zero()), studentScale);
    const t = f32x4.mul(f32x4.sub(loadUpTo(teacher + at, left, teacherMax), teacherMax), stretch);
    const s = f32x4.sub(loadUpTo(student + at, left, studentMax), studentMax);
    const r = madd(f32x4.sub(t, s), factor, shift);
    const g = nmadd(qt, origin, weighted(form, pt, qt, r, w, v));
    v128.store(row, f32x4.add(v128.load(row, BLOCK_SUMS + LOSS), loss(form, pt, qt, r, w, v, logW)), BLOCK_SUMS + LOSS);
    v128.store(row, f32x4.add(v128.load(row, BLOCK_SUMS + DOT), g), BLOCK_SUMS + DOT);
    storeUpTo(student + at, g, left);
  }
}

/** KL(p, q) */
function termsForward(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(FORWARD_KL, row, t, s, p, q, count);
}

/** KL(q, p) */
function termsReverse(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(REVERSE_KL, row, t, s, p, q, count);
}

/** (1 - w) KL(p, q) + w KL(q, p) */
function termsSymmetric(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(SYMMETRIC_KL, row, t, s, p, q, count);
}

/** w KL(q, m) + (1 - w) KL(p, m), m = (1 - w) p + w q */
function termsJensenShannon(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(JENSEN_SHANNON, row, t, s, p, q, count);
}

/** sum abs(p - q) / 2; its derivative where p = q is taken as 0. */
function termsTotalVariation(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(TOTAL_VARIATION, row, t, s, p, q, count);
}

/** KL(p, m), m = w p + (1 - w) q */
function termsSkew(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(SKEW_KL, row, t, s, p, q, count);
}

/** KL(q, m), m = (1 - w) p + w q */
function termsSkewReverse(row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  block(SKEW_REVERSE_KL, row, t, s, p, q, count);
}

/**
 * Pass 3 over one block of a row. A function for each form: in one, the loop would choose among them at every token.
 */
export function terms(form: u32, row: usize, t: usize, s: usize, p: usize, q: usize, count: u32): void {
  switch (form) {
    case FORWARD_KL:
      termsForward(row, t, s, p, q, count);
      break;
    case REVERSE_KL:
      termsReverse(row, t, s, p, q, count);
      break;
    case SYMMETRIC_KL:
      termsSymmetric(row, t, s, p, q, count);
      break;
    case JENSEN_SHANNON:
      termsJensenShannon(row, t, s, p, q, count);
      break;
    case TOTAL_VARIATION:
      termsTotalVariation(row, t, s, p, q, count);
      break;
    case SKEW_KL:
      termsSkew(row, t, s, p, q, count);
      break;
    default: // SKEW_REVERSE_KL
      termsSkewReverse(row, t, s, p, q, count);
  }
}

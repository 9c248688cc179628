// Pass 3 of a divergence in a row in which teacher and student are nearly even, as at a high temperature. There p and q
// hardly differ, and what differs of their quotients, made of two exponentials each, is mostly rounding. Everything here
// is made of d = log(p / q), which comes from the logits, by series: y = p / q - 1, the mixture over q as 1 + a y, and
// the terms of KL(a, b) as a (e^-d - 1 + d), d = log(a / b), which add up to the same and are never negative.
//
// Such rows are rare: one loop serves all forms, and asks for the form at every step.
import {
  FORWARD_KL, JENSEN_SHANNON, REVERSE_KL, SKEW_KL, SYMMETRIC_KL, TOTAL_VARIATION,
} from '../../../../build/divergenceKinds';
import { BLOCK_SUMS, DOT, FACTOR, LOSS, ORIGIN, SHIFT, STRETCH, STUDENT_MAX, STUDENT_SCALE, TEACHER_MAX, TEACHER_SCALE, WEIGHT } from './divergenceRow';
import { artanhSlope, expSlopeNear } from './nearZero';
import { loadUpTo, madd, nmadd, storeUpTo, zero } from '../../shared/simd';

/** The largest distance of log p from log q for which the series hold. */
export const EVEN: f32 = 0.25;

// @ts-ignore: decorator
@inline
function all(value: f32): v128 {
  return f32x4.splat(value);
}

/** e^d - 1 for |d| <= EVEN, relatively accurate. */
function expm1Near(d: v128): v128 {
  return f32x4.mul(d, expSlopeNear(d));
}

/** log(1 + u) for |u| <= 0.3, relatively accurate: 2 artanh(u / (2 + u)). */
function log1pNear(u: v128): v128 {
  const s = f32x4.div(u, f32x4.add(all(2), u));
  return f32x4.mul(f32x4.add(s, s), artanhSlope(f32x4.mul(s, s)));
}

/** A term of KL(a, b): a (e^-d - 1 + d), d = log(a / b). */
function klTerm(a: v128, d: v128): v128 {
  let y = nmadd(d, all(1.9841270e-4), all(0.0013888889));
  y = nmadd(d, y, all(0.0083333338));
  y = nmadd(d, y, all(0.041666668));
  y = nmadd(d, y, all(0.16666667));
  y = nmadd(d, y, all(0.5));
  return f32x4.mul(a, f32x4.mul(f32x4.mul(d, d), y));
}

// w = weight, v = 1 - weight; `mixed` = log(m / q) of the forms that have a mixture m.

/** The weight of y in the mixture over q. */
// @ts-ignore: decorator
@inline
function share(form: u32, w: v128, v: v128): v128 {
  return form == SKEW_KL ? w : v;
}

function loss(form: u32, p: v128, q: v128, d: v128, y: v128, mixed: v128, w: v128, v: v128): v128 {
  if (form == FORWARD_KL) return klTerm(p, d);
  if (form == REVERSE_KL) return klTerm(q, f32x4.neg(d));
  if (form == SYMMETRIC_KL) return madd(v, klTerm(p, d), f32x4.mul(w, klTerm(q, f32x4.neg(d))));
  if (form == TOTAL_VARIATION) return f32x4.mul(all(0.5), f32x4.mul(q, f32x4.abs(y)));
  if (form == SKEW_KL) return klTerm(p, f32x4.sub(d, mixed));
  const student = klTerm(q, f32x4.neg(mixed));
  if (form == JENSEN_SHANNON) return madd(w, student, f32x4.mul(v, klTerm(p, f32x4.sub(d, mixed))));
  return student; // SKEW_REVERSE_KL
}

/** g, up to a constant: 0 where p = q. */
function slope(form: u32, d: v128, y: v128, mixed: v128, w: v128, v: v128): v128 {
  if (form == FORWARD_KL) return f32x4.neg(y);
  if (form == REVERSE_KL) return f32x4.neg(d);
  if (form == SYMMETRIC_KL) return f32x4.neg(madd(v, y, f32x4.mul(w, d)));
  if (form == JENSEN_SHANNON) return f32x4.neg(f32x4.mul(w, mixed));
  if (form == TOTAL_VARIATION) {
    const half = all(0.5);
    return f32x4.sub(v128.and(half, f32x4.lt(d, zero())), v128.and(half, f32x4.gt(d, zero())));
  }
  const over = madd(share(form, w, v), y, all(1)); // m / q
  const part = f32x4.mul(v, y);
  if (form == SKEW_KL) return f32x4.neg(f32x4.div(f32x4.mul(v, part), over));
  return f32x4.sub(f32x4.div(f32x4.mul(w, part), over), mixed); // SKEW_REVERSE_KL
}

/** Fills the block's sums; student becomes q (g - origin). `p`, `q` point to the exponentials. */
export function evenTerms(form: u32, row: usize, teacher: usize, student: usize, p: usize, q: usize, count: u32): void {
  const teacherMax = v128.load32_splat(row, TEACHER_MAX);
  const studentMax = v128.load32_splat(row, STUDENT_MAX);
  const teacherScale = v128.load32_splat(row, TEACHER_SCALE);
  const studentScale = v128.load32_splat(row, STUDENT_SCALE);
  const factor = v128.load32_splat(row, FACTOR);
  const shift = v128.load32_splat(row, SHIFT);
  const stretch = v128.load32_splat(row, STRETCH);
  const w = v128.load32_splat(row, WEIGHT);
  const v = f32x4.sub(all(1), w);
  const origin = v128.load32_splat(row, ORIGIN);
  let losses = zero();
  let dots = zero();
  for (let i: u32 = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const left = min(count - i, 4);
    // Lanes behind the row have p = q = 0 and add nothing.
    const pt = f32x4.mul(loadUpTo(p + at, left, zero()), teacherScale);
    const qt = f32x4.mul(loadUpTo(q + at, left, zero()), studentScale);
    const t = f32x4.mul(f32x4.sub(loadUpTo(teacher + at, left, teacherMax), teacherMax), stretch);
    const s = f32x4.sub(loadUpTo(student + at, left, studentMax), studentMax);
    const d = madd(f32x4.sub(t, s), factor, shift);
    const y = expm1Near(d);
    const mixed = log1pNear(f32x4.mul(share(form, w, v), y));
    losses = f32x4.add(losses, loss(form, pt, qt, d, y, mixed, w, v));
    const g = f32x4.mul(qt, f32x4.sub(slope(form, d, y, mixed, w, v), origin));
    dots = f32x4.add(dots, g);
    storeUpTo(student + at, g, left);
  }
  v128.store(row, losses, BLOCK_SUMS + LOSS);
  v128.store(row, zero(), BLOCK_SUMS + LOSS + 16);
  v128.store(row, dots, BLOCK_SUMS + DOT);
  v128.store(row, zero(), BLOCK_SUMS + DOT + 16);
}

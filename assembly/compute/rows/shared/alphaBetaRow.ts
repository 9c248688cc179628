// What the alpha-beta divergence knows about its row, in the thread's working memory:
//   0    64 bytes for the sums of softmaxRow.ts
//   64   [3][4] partial sums of the row: loss, derivative by log r, cross-entropy
//   112  numbers of the row, then numbers of the divergence: see the offsets
//   224  [2][4] partial sums from which the mean derivative is estimated
import { log1 } from '../../shared/math';

export const ROW_SUMS: usize = 64;
export const SUM_BYTES: usize = 48;
/** Inside these sums. */
export const LOSS: usize = 0;
export const H: usize = 16;
export const CROSS: usize = 32;

export const TEACHER_MAX: usize = 112;
export const STUDENT_MAX: usize = 116;
/** Logarithms of the sums of the exponentials. */
export const LOG_TEACHER: usize = 120;
export const LOG_STUDENT: usize = 124;
/** log(studentSum / teacherSum) */
export const SHIFT: usize = 128;
/** Logarithm of the sum of the mixture. */
export const LOG_MIXTURE: usize = 132;

/** 1 / temperature, and temperature / teacherTemperature. */
export const FACTOR: usize = 136;
export const STRETCH: usize = 140;
export const WEIGHT: usize = 144;
/** log weight, log(1 - weight), and their difference. */
export const LOG_WEIGHT: usize = 148;
export const LOG_REST: usize = 152;
export const LOG_ODDS: usize = 156;
export const POWER: usize = 160;
/** 1 / power; 0 where that is 0. */
export const INVERSE_POWER: usize = 164;
export const ALPHA: usize = 168;
export const BETA: usize = 172;
/** alpha + beta */
export const TOTAL: usize = 176;
export const INVERSE_TOTAL: usize = 180;
/** Six coefficients of the series of a term in d = log A - log B, lowest power first: of d^2 to d^7. */
export const SERIES: usize = 184;
/** The sums of the exponentials to the power of -(alpha + beta). */
export const TEACHER_SCALE: usize = 208;
export const STUDENT_SCALE: usize = 212;
/** 1 / alpha and 1 / beta; 0 where these are 0. */
export const INVERSE_ALPHA: usize = 216;
export const INVERSE_BETA: usize = 220;
/** [2][4] partial sums of the row: derivative by log q, and share of a token in log r. */
export const MEAN_SUMS: usize = 224;
export const MEAN_BYTES: usize = 32;
/** Inside these sums. */
export const D: usize = 0;
export const MIXED: usize = 16;
export const ROW_BYTES: usize = 256;

function inverseOf(x: f32): f32 {
  return x == 0 ? 0 : <f32>1 / x;
}

/** Stores what all rows have in common. */
export function setDivergence(row: usize, weight: f32, power: f32, alpha: f32, beta: f32): void {
  const total = alpha + beta;
  const logWeight = log1(weight);
  const logRest = log1(1 - weight);
  store<f32>(row + WEIGHT, weight);
  store<f32>(row + LOG_WEIGHT, logWeight);
  store<f32>(row + LOG_REST, logRest);
  store<f32>(row + LOG_ODDS, logWeight - logRest);
  store<f32>(row + POWER, power);
  store<f32>(row + INVERSE_POWER, inverseOf(power));
  store<f32>(row + INVERSE_ALPHA, inverseOf(alpha));
  store<f32>(row + INVERSE_BETA, inverseOf(beta));
  store<f32>(row + ALPHA, alpha);
  store<f32>(row + BETA, beta);
  store<f32>(row + TOTAL, total);
  store<f32>(row + INVERSE_TOTAL, <f32>1 / total);
  // The coefficient of d^n is (sum over k of total^k alpha^(n - 2 - k)) / n!.
  let products: f32 = 1;
  let alphas: f32 = 1;
  let factorial: f32 = 2;
  for (let n = 2; n < 8; n++) {
    store<f32>(row + SERIES + (<usize>(n - 2) << 2), products / factorial);
    alphas *= alpha;
    products = products * total + alphas;
    factorial *= <f32>(n + 1);
  }
}

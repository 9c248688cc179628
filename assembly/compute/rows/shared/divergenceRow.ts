// What pass 3 of a divergence knows about its row, in the thread's working memory:
//   0    [2][8] partial sums of one block: loss, q g       64   [2][8] partial sums of the row
//   128  teacherMax, studentMax, 1 / teacherSum, 1 / studentSum, 1 / temperature, log(studentSum / teacherSum), weight,
//        the g from which all others are taken, temperature / teacherTemperature
import { fillFloats } from '../../shared/simd';

export const BLOCK_SUMS: usize = 0;
export const ROW_SUMS: usize = 64;
/** Inside either: the sum of the loss and the sum of q g. */
export const LOSS: usize = 0;
export const DOT: usize = 32;
export const TEACHER_MAX: usize = 128;
export const STUDENT_MAX: usize = 132;
export const TEACHER_SCALE: usize = 136;
export const STUDENT_SCALE: usize = 140;
export const FACTOR: usize = 144;
export const SHIFT: usize = 148;
export const WEIGHT: usize = 152;
export const ORIGIN: usize = 156;
export const STRETCH: usize = 160;
export const ROW_BYTES: usize = 192;

/** Stores the row's constants and clears its sums. The origin of g is 0. */
export function setRow(
  row: usize, teacherMax: f32, studentMax: f32, teacherScale: f32, studentScale: f32, factor: f32, shift: f32, weight: f32,
  stretch: f32,
): void {
  fillFloats(row + ROW_SUMS, 16, 0);
  store<f32>(row + TEACHER_MAX, teacherMax);
  store<f32>(row + STUDENT_MAX, studentMax);
  store<f32>(row + TEACHER_SCALE, teacherScale);
  store<f32>(row + STUDENT_SCALE, studentScale);
  store<f32>(row + FACTOR, factor);
  store<f32>(row + SHIFT, shift);
  store<f32>(row + WEIGHT, weight);
  store<f32>(row + ORIGIN, 0);
  store<f32>(row + STRETCH, stretch);
}

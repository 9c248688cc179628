/** How f32 matrices become f16 and int8 ones: pure functions of their values. */
import { f32ToF16 } from '../halfFloats.js';

/**
 * Halves and the power of two (from 2^-64 to 1) that gives the values when multiplied with them. The largest half is at least
 * 2^14 where the scale allows, so that only values 2^28 times smaller are subnormal: those lose bits, and processors take
 * a hundred cycles over each. Values over 65504 become infinity.
 */
export function halve(values: Float32Array): { halves: Uint16Array; scale: number } {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  for (let i = 0; i < bits.length; i++) largest = Math.max(largest, (bits[i] as number) & 0x7fffffff);
  const exponent = (largest >>> 23) - 127;
  const shift = largest === 0 ? 0 : Math.max(0, Math.min(64, 14 - exponent));
  const factor = 2 ** shift;
  const scaled = new Float32Array(values.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = (values[i] as number) * factor;
  return { halves: f32ToF16(scaled), scale: 2 ** -shift };
}

/**
 * Symmetric rounding of values [outputs, inputs], a scale each output: weight = integer * scale. NaN or infinity makes a
 * scale not finite.
 */
export function quantise(values: Float32Array, outputs: number): { integers: Int8Array; scales: Float32Array } {
  const inputs = values.length / outputs;
  const scales = new Float32Array(outputs);
  const integers = new Int8Array(values.length);
  for (let output = 0; output < outputs; output++) {
    const [first, end] = [output * inputs, (output + 1) * inputs];
    let largest = 0;
    for (let i = first; i < end; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    scales[output] = largest === 0 ? 1 : largest / 127;
    const scale = scales[output] as number;
    for (let i = first; i < end; i++) {
      integers[i] = Math.max(-127, Math.min(127, Math.round((values[i] as number) / scale)));
    }
  }
  return { integers, scales };
}

/** Side of the blocks that `transpose` copies one after the other: a whole cache line in either direction. */
const block = 32;

/** [rows, cols] -> [cols, rows] */
export function transpose<A extends Float32Array | Uint16Array>(values: A, rows: number, cols: number): A {
  const result = values.slice() as A;
  for (let top = 0; top < rows; top += block) {
    const bottom = Math.min(top + block, rows);
    for (let col = 0; col < cols; col++) {
      for (let row = top; row < bottom; row++) result[col * rows + row] = values[row * cols + col] as number;
    }
  }
  return result;
}

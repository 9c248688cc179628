import type { Device } from 'distillm';
import { f16Weight, f32ToF16, f32Weight, int4Weight, int8Weight, packInt4, Tensor, type Weight } from 'distillm/tensor';

type Hold = (device: Device, values: Float32Array, shape: [outputs: number, inputs: number]) => Weight;

/** Integers from -8 to 7 over 8, held exactly in each format. */
export const held: Readonly<Record<Weight['format'], Hold>> = {
  f32: (device, values, shape) => f32Weight(Tensor.from(device, values, shape)),
  f16: (device, values, shape) => f16Weight(Tensor.from(device, f32ToF16(values), shape)),
  int8: (device, values, shape) =>
    int8Weight(
      Tensor.from(
        device,
        Int8Array.from(values, (value) => 128 * value),
        shape,
      ),
      Tensor.from(device, new Float32Array(shape[0]).fill(1 / 128), [shape[0], 1]),
    ),
  int4(device, values, shape) {
    const halves = Math.ceil(shape[1] / 32);
    const integers = values.map((value) => 8 * value + 8);
    const scales = f32ToF16(new Float32Array(shape[0] * halves).fill(1 / 8));
    return int4Weight(
      Tensor.from(device, packInt4(integers, shape), shape),
      Tensor.from(device, scales, [shape[0], halves]),
    );
  },
};

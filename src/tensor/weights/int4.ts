/** Integers of four bits in groups of 32 inputs, each with a scale and perhaps a minimum. */
import type { Device } from '../../backend/backend.js';
import { storageBytes } from '../../backend/kernels/index.js';
import { CheckpointError } from '../../errors.js';
import { f16ToF32 } from '../../halfFloats.js';
import { groupElements, groupsOf, unpackInt4 } from '../../int4.js';
import { halve, quantiseGroups } from '../rounding.js';
import { rows, run } from '../run.js';
import { Tensor } from '../tensor.js';
import type { Format } from './format.js';
import { type MatrixPlace, outputsFirstShape } from './matrix.js';
import { holdRounded, loadRounded, type Rounded, type RoundedFormat } from './rounded.js';
import { type Int4Weight, int4Weight } from './weight.js';

/** Integers and scales as they are stored, on the device. */
function holdInt4(
  device: Device,
  matrix: MatrixPlace,
  { integers, halves, scale }: { integers: Uint8Array; halves: Uint16Array; scale: number },
): Int4Weight {
  const shape = outputsFirstShape(matrix);
  const values = Tensor.from(device, integers, shape, matrix.name);
  try {
    const scales = Tensor.from(device, halves, [shape[0], halves.length / shape[0]], `${matrix.name}, scales`);
    return int4Weight(values, scales, scale);
  } catch (error) {
    values.dispose();
    throw error;
  }
}

const rounded: RoundedFormat<Int4Weight, Rounded<Uint8Array>> = {
  round: quantiseGroups,
  hold(device, matrix, { integers, scales }) {
    const { halves, scale } = halve(scales);
    if (halves.some((half) => (half & 0x7c00) === 0x7c00)) {
      throw new CheckpointError(
        `${matrix.where}: '${matrix.name}' holds a value that is not finite or beyond 500,000, which int4 has no scale ` +
          "for. Load it with dtype 'f32'.",
      );
    }
    return holdInt4(device, matrix, { integers, halves, scale });
  },
};

export const int4: Format<Int4Weight> = {
  hold: (device, matrix) => holdRounded(rounded, device, matrix),
  async load(device, matrix) {
    const { values, ...place } = matrix;
    // What a file stores as int4 holds it is taken without a rounding.
    if (matrix.layout === 'inOut' || !values.int4) return loadRounded(rounded, device, matrix);
    const { integers, scales } = await values.int4.read();
    return holdInt4(device, place, { integers, ...halve(scales) });
  },
  reserve(device, matrix, { int4: stored }) {
    const [outputs, inputs] = outputsFirstShape(matrix);
    const halves = groupsOf(inputs) * (matrix.layout === 'outIn' && stored?.hasLeast ? 2 : 1);
    const values = Tensor.empty(device, [outputs, inputs], 'int4', matrix.name);
    return int4Weight(values, Tensor.empty(device, [outputs, halves], 'f16', `${matrix.name}, scales`));
  },
  bytes: ([outputs, inputs]) => [
    storageBytes('int4', [outputs, inputs]),
    storageBytes('f16', [outputs, groupsOf(inputs)]),
  ],
  async read({ values, scales, scale, shape }) {
    const integers = unpackInt4((await values.read()) as Uint8Array, shape);
    const halves = f16ToF32((await scales.read()) as Uint16Array);
    const [outputs, inputs] = shape;
    const each = halves.length / outputs;
    const hasLeast = each > groupsOf(inputs);
    return Float32Array.from(integers, (integer, i) => {
      const [row, group] = [Math.floor(i / inputs) * each, Math.floor((i % inputs) / groupElements)];
      if (!hasLeast) return (halves[row + group] as number) * (integer - 8) * scale;
      const [s, least] = [halves[row + 2 * group] as number, halves[row + 2 * group + 1] as number];
      return Math.fround(s * integer + least) * scale;
    });
  },
  fileDType: undefined,
  multiply: (x, { values, scales, scale }, y, accumulate) =>
    void run(y.device, 'gemmNTInt4', { a: rows(x), b: values, scales, c: rows(y) }, { accumulate, scale }),
  multiplyOnto: (x, { values, scales, scale }, bias, shape) =>
    run(x.device, 'linearNTInt4', { a: rows(x), b: values, scales, bias }, { scale }, { c: shape }).c,
  multiplyTransposed: (dy, { values, scales, scale }, dx, accumulate) =>
    void run(dx.device, 'gemmNNInt4', { a: rows(dy), b: values, scales, c: rows(dx) }, { accumulate, scale }),
  lookUp: ({ values, scales, scale }, ids, shape) =>
    run(ids.device, 'embeddingInt4', { table: values, scales, ids }, { scale }, { y: shape }).y,
};

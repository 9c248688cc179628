/** Formats that round each output feature by itself, and so take the values of a matrix one after another. */
import type { Device } from '../../backend/backend.js';
import { ShapeError } from '../../errors.js';
import { asF32, type Values, wholeRows } from '../values.js';
import { type MatrixPlace, type MatrixValues, outputsFirst, outputsFirstShape } from './matrix.js';
import type { Weight } from './weight.js';

/** Output features that were rounded by themselves. */
export interface Rounded<Integers extends Int8Array | Uint8Array = Int8Array | Uint8Array> {
  /** As the host has them. */
  readonly integers: Integers;
  /** As many for each output feature. */
  readonly scales: Float32Array;
}
/** A format that rounds each output feature by itself, and so takes them one after another. */
export interface RoundedFormat<W extends Weight, R extends Rounded = Rounded> {
  /** values [outputs, inputs] */
  round(values: Float32Array, outputs: number): R;
  hold(device: Device, matrix: MatrixPlace, rounded: R): W;
}

/** A matrix whose values are all there, its output features rounded by themselves. */
export function holdRounded<W extends Weight>(format: RoundedFormat<W>, device: Device, matrix: MatrixValues): W {
  const [outputs] = outputsFirstShape(matrix);
  return format.hold(device, matrix, format.round(outputsFirst(asF32(matrix.values), matrix), outputs));
}

/** The same of a matrix that lies [outputs, inputs], from pieces of its values, which are never all in memory at once. */
async function loadPieces<W extends Weight>(
  format: RoundedFormat<W>,
  device: Device,
  { values, ...matrix }: MatrixValues<Values>,
): Promise<W> {
  const [outputs, inputs] = outputsFirstShape(matrix);
  let all: Rounded | undefined;
  let done = 0;
  for await (const piece of wholeRows(values.pieces(), inputs)) {
    const rows = piece.length / inputs;
    const { integers, scales } = format.round(piece, rows);
    const [each, scalesEach] = [integers.length / rows, scales.length / rows];
    all ??= {
      integers: new (integers.constructor as Int8ArrayConstructor)(outputs * each),
      scales: new Float32Array(outputs * scalesEach),
    };
    all.integers.set(integers, done * each);
    all.scales.set(scales, done * scalesEach);
    done += rows;
  }
  if (all && done === outputs) return format.hold(device, matrix, all);
  throw new ShapeError(
    `${matrix.name}: ${done * inputs} elements do not fill the shape [${matrix.shape.join(', ')}].`,
    {
      found: done * inputs,
      expected: outputs * inputs,
    },
  );
}

/** The same of values that are still to be read: of a matrix that lies [inputs, outputs] all at once. */
export async function loadRounded<W extends Weight>(
  format: RoundedFormat<W>,
  device: Device,
  matrix: MatrixValues<Values>,
): Promise<W> {
  if (matrix.layout === 'outIn') return loadPieces(format, device, matrix);
  return holdRounded(format, device, { ...matrix, values: await matrix.values.all() });
}

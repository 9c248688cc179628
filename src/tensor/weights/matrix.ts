/** A matrix on its way from a checkpoint to the device. */
import { transpose } from '../rounding.js';
import type { Floats } from '../values.js';
import type { WeightLayout } from './weight.js';

/** What a checkpoint says of a matrix. */
export interface MatrixPlace {
  /** [out, in] or [in, out], as `layout` says. */
  readonly shape: readonly number[];
  /** Layout of the values. */
  readonly layout: WeightLayout;
  /** The parameter's, for messages. */
  readonly name: string;
  /** The file that it comes from, for messages. */
  readonly where: string;
}

/** A matrix as a checkpoint has it, on its way to the device. */
export interface MatrixValues<V = Floats> extends MatrixPlace {
  /** Row-major: f32, or the bits of f16. */
  readonly values: V;
}

/** [outputs, inputs] */
export const outputsFirstShape = ({ shape: [first = 0, second = 0], layout }: MatrixPlace): [number, number] =>
  layout === 'outIn' ? [first, second] : [second, first];
/** The values [outputs, inputs]. */
export const outputsFirst = <A extends Float32Array | Uint16Array>(values: A, { shape, layout }: MatrixValues): A =>
  layout === 'outIn' ? values : transpose(values, shape[0] as number, shape[1] as number);

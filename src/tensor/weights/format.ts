import type { Device } from '../../backend/backend.js';
import type { Tensor } from '../tensor.js';
import type { Values } from '../values.js';
import type { MatrixPlace, MatrixValues } from './matrix.js';
import type { Weight } from './weight.js';

/** What a format brings. y, dy [..., outputs]; x, dx [..., inputs]. */
export interface Format<W extends Weight> {
  /** A matrix whose values are all there. @throws CheckpointError naming it when the format cannot hold a value */
  hold(device: Device, matrix: MatrixValues): W;
  /** The same of values that are still to be read, with as few of them in memory as the format can do with. */
  load(device: Device, matrix: MatrixValues<Values>): Promise<W>;
  /** The same with undefined contents. `values` are not read. */
  reserve(device: Device, matrix: MatrixPlace, values: Values): W;
  /** Bytes of its parts, the largest first. */
  bytes(shape: readonly [outputs: number, inputs: number]): readonly number[];
  /** The values [outputs, inputs]; of f32 weights in their layout. */
  read(weight: W): Promise<Float32Array>;
  /** The dtype of a file that stores the weight exactly; undefined where the checkpoint's values are lost already. */
  readonly fileDType: 'f32' | 'f16' | undefined;
  multiply(x: Tensor, weight: W, y: Tensor, accumulate: 0 | 1): void;
  multiplyOnto(x: Tensor, weight: W, bias: Tensor, shape: readonly number[]): Tensor;
  multiplyTransposed(dy: Tensor, weight: W, dx: Tensor, accumulate: 0 | 1): void;
  lookUp(weight: W, ids: Tensor, shape: readonly number[]): Tensor;
  /** See `settleWeight`. Left out: nothing is to be done. */
  settle?(weight: W): void;
}

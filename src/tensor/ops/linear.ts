/** A linear layer: a product with a weight in any format, and a bias. */
import { ShapeError } from '../../errors.js';
import { expectOptions, expectTensors, expectWeight } from '../expect.js';
import { rows, run } from '../run.js';
import { type Gradients, track } from '../tape.js';
import { Tensor } from '../tensor.js';
import {
  addWeightGradient,
  multiply,
  multiplyOnto,
  multiplyTransposed,
  trainedValues,
  type Weight,
} from '../weights/index.js';

/**
 * y = x W^T (+ bias). x [..., inputs], weight [outputs, inputs] in any format, bias [outputs] -> y [..., outputs].
 * Gradients go to x and bias, and to a weight in f32.
 * @throws OptionError, ShapeError
 */
export function linear(x: Tensor, weight: Weight, options: { bias?: Tensor | undefined } = {}): Tensor {
  expectTensors('linear', { x });
  expectWeight('linear', 'weight', weight);
  expectOptions('linear', options, ['bias']);
  if (options.bias) expectTensors('linear', { bias: options.bias });
  const layer = { x, weight, bias: options.bias };
  return track(sourcesOf(layer), project('linear', layer), (dy, gradients) => addGradients(layer, dy, gradients));
}

/** What a linear layer computes from. */
export interface LinearInputs {
  readonly x: Tensor;
  readonly weight: Weight;
  readonly bias: Tensor | undefined;
}

/** The inputs that gradients may be wanted of. */
export const sourcesOf = ({ x, weight, bias }: LinearInputs): Tensor[] =>
  [x, trainedValues(weight), bias].filter((source) => source !== undefined);

/** The forward pass alone. @throws ShapeError */
export function project(operation: string, { x, weight, bias }: LinearInputs): Tensor {
  const [outputs, inputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new ShapeError(
      `${operation}: the weight is [${outputs}, ${inputs}], which does not take x [${x.shape.join(', ')}].`,
      {
        found: x.shape.at(-1),
        expected: inputs,
      },
    );
  }
  const shape = [...x.shape.slice(0, -1), outputs];
  if (bias) return multiplyOnto(x, weight, bias, shape);
  const y = Tensor.empty(x.device, shape, 'f32', 'linear.y');
  multiply(x, weight, y);
  return y;
}

/** The backward pass: the gradients that are wanted of x, weight and bias. */
export function addGradients({ x, weight, bias }: LinearInputs, dy: Tensor, gradients: Gradients): void {
  if (gradients.wants(x)) {
    const dx = gradients.into(x);
    multiplyTransposed(dy, weight, dx.tensor, dx.accumulate);
  }
  const values = trainedValues(weight);
  if (values && gradients.wants(values)) {
    const dvalues = gradients.into(values);
    addWeightGradient(x, weight, dy, dvalues.tensor, dvalues.accumulate);
  }
  if (bias && gradients.wants(bias)) {
    const db = gradients.into(bias);
    run(x.device, 'columnSum', { x: rows(dy), sum: db.tensor }, { accumulate: db.accumulate });
  }
}

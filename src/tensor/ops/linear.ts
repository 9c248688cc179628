/** A linear layer: a product with a weight in any format, and a bias. */
import { ShapeError } from '../../errors.js';
import { expectOptions, expectTensors, expectWeight } from '../expect.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import { Tensor } from '../tensor.js';
import {
  addWeightGradient,
  multiply,
  multiplyOnto,
  multiplyTransposed,
  trainedValues,
  type Weight,
} from '../weight.js';

/**
 * y = x W^T (+ bias). x [..., inputs], weight [outputs, inputs] in any format, bias [outputs] -> y [..., outputs].
 * Gradients go to x and bias, and to a weight in f32.
 * @throws OptionError, ShapeError
 */
export function linear(x: Tensor, weight: Weight, options: { bias?: Tensor | undefined } = {}): Tensor {
  expectTensors('linear', { x });
  expectWeight('linear', 'weight', weight);
  expectOptions('linear', options, ['bias']);
  const { bias } = options;
  if (bias) expectTensors('linear', { bias });
  const [outputs, inputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new ShapeError(
      `linear: the weight is [${outputs}, ${inputs}], which does not take x [${x.shape.join(', ')}].`,
      {
        found: x.shape.at(-1),
        expected: inputs,
      },
    );
  }
  const shape = [...x.shape.slice(0, -1), outputs];
  const y = bias ? multiplyOnto(x, weight, bias, shape) : product(x, weight, shape);

  const values = trainedValues(weight);
  const sources = [x, values, bias].filter((source) => source !== undefined);
  return track(sources, y, (dy, gradients) => {
    if (gradients.wants(x)) {
      const dx = gradients.into(x);
      multiplyTransposed(dy, weight, dx.tensor, dx.accumulate);
    }
    if (values && gradients.wants(values)) {
      const dvalues = gradients.into(values);
      addWeightGradient(x, weight, dy, dvalues.tensor, dvalues.accumulate);
    }
    if (bias && gradients.wants(bias)) {
      const db = gradients.into(bias);
      run(x.device, 'columnSum', { x: rows(dy), sum: db.tensor }, { accumulate: db.accumulate });
    }
  });
}

function product(x: Tensor, weight: Weight, shape: readonly number[]): Tensor {
  const y = Tensor.empty(x.device, shape, 'f32', 'linear.y');
  multiply(x, weight, y);
  return y;
}

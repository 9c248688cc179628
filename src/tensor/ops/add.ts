import { ShapeError } from '../../errors.js';
import { expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** a + b, same shape: the residual connection. @throws OptionError for what is no tensor, ShapeError */
export function add(a: Tensor, b: Tensor): Tensor {
  expectTensors('add', { a, b });
  if (a.shape.join() !== b.shape.join()) {
    throw new ShapeError(`add: b is [${b.shape.join(', ')}], expected a's shape [${a.shape.join(', ')}].`, {
      found: b.shape,
      expected: a.shape,
    });
  }
  const { y } = run(a.device, 'add', { a: flat(a), b: flat(b) }, {}, { y: a.shape });
  return track([a, b], y, (dy, gradients) => {
    gradients.add(a, dy);
    gradients.add(b, dy);
  });
}

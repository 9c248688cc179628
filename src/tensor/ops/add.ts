import { expectOneShape, expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** a + b, same shape: the residual connection. @throws OptionError for what is no tensor, ShapeError */
export function add(a: Tensor, b: Tensor): Tensor {
  expectTensors('add', { a, b });
  expectOneShape('add', 'a', a, 'b', b);
  const { y } = run(a.device, 'add', { a: flat(a), b: flat(b) }, {}, { y: a.shape });
  return track([a, b], y, (dy, gradients) => {
    gradients.add(a, dy);
    gradients.add(b, dy);
  });
}

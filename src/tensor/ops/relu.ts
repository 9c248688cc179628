import { expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** max(x, 0), element by element. No gradient passes at 0 and below. @throws OptionError for what is no tensor */
export function relu(x: Tensor): Tensor {
  expectTensors('relu', { x });
  const { y } = run(x.device, 'relu', { x: flat(x) }, {}, { y: x.shape });
  return track([x], y, (dy, gradients) => {
    const { dx } = run(x.device, 'reluBackward', { x: flat(x), dy: flat(dy) }, {}, { dx: x.shape });
    gradients.add(x, dx);
    dx.dispose();
  });
}

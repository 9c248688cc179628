import { expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * GELU as it was first defined (Hendrycks and Gimpel 2016, arXiv:1606.08415), 0.5 x (1 + erf(x / sqrt(2))), element by
 * element.
 * @throws OptionError for what is no tensor
 */
export function geluErf(x: Tensor): Tensor {
  expectTensors('geluErf', { x });
  const { y } = run(x.device, 'geluErf', { x: flat(x) }, {}, { y: x.shape });
  return track([x], y, (dy, gradients) => {
    const { dx } = run(x.device, 'geluErfBackward', { x: flat(x), dy: flat(dy) }, {}, { dx: x.shape });
    gradients.add(x, dx);
    dx.dispose();
  });
}

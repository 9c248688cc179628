import { expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * GELU in GPT-2's tanh form ("gelu_new", "gelu_pytorch_tanh"), element by element.
 * @throws OptionError for what is no tensor
 */
export function gelu(x: Tensor): Tensor {
  expectTensors('gelu', { x });
  const { y } = run(x.device, 'gelu', { x: flat(x) }, {}, { y: x.shape });
  return track([x], y, (dy, gradients) => {
    const { dx } = run(x.device, 'geluBackward', { x: flat(x), dy: flat(dy) }, {}, { dx: x.shape });
    gradients.add(x, dx);
    dx.dispose();
  });
}

import { expectOptions, expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * x / (1 + e^(-slope x)), element by element: SiLU with the default slope of 1, the sigmoid's approximation of GELU
 * ("quick_gelu") with 1.702.
 * @throws OptionError for what is no tensor, and for a slope that is no number
 */
export function swish(x: Tensor, options: { slope?: number } = {}): Tensor {
  expectTensors('swish', { x });
  expectOptions('swish', options, ['slope']);
  const { slope = 1 } = options;
  const { y } = run(x.device, 'swish', { x: flat(x) }, { slope }, { y: x.shape });
  return track([x], y, (dy, gradients) => {
    const { dx } = run(x.device, 'swishBackward', { x: flat(x), dy: flat(dy) }, { slope }, { dx: x.shape });
    gradients.add(x, dx);
    dx.dispose();
  });
}

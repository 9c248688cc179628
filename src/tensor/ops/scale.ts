import { expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** factor * x. @throws OptionError for what is no tensor, and for a factor that is no number */
export function scale(x: Tensor, factor: number): Tensor {
  expectTensors('scale', { x });
  const scaled = (values: Tensor) => run(x.device, 'scale', { x: flat(values) }, { factor }, { y: x.shape }).y;
  return track([x], scaled(x), (dy, gradients) => {
    const dx = scaled(dy);
    gradients.add(x, dx);
    dx.dispose();
  });
}

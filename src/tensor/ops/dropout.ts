import { OptionError } from '../../errors.js';
import { expectOptions, expectTensors } from '../expect.js';
import { flat, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * What the kernels that drop out take.
 * @throws OptionError when the probability is not in [0, 1).
 */
export function dropoutParams(op: string, { probability, seed }: { probability: number; seed: number }) {
  if (!(probability >= 0 && probability < 1)) {
    throw new OptionError(`${op}: probability is ${probability}, expected at least 0 and below 1.`, {
      found: probability,
    });
  }
  return { seed: seed >>> 0, threshold: Math.floor(probability * 2 ** 32), scale: 1 / (1 - probability) };
}

/**
 * Zeroes each element with `probability` and scales the others by 1 / (1 - probability). The mask is a function of
 * `seed` and the element's index: same seed, same mask, on every backend.
 * @throws OptionError when the probability is not in [0, 1).
 */
export function dropout(x: Tensor, options: { probability: number; seed: number }): Tensor {
  expectTensors('dropout', { x });
  expectOptions('dropout', options, ['probability', 'seed']);
  const params = dropoutParams('dropout', options);
  if (options.probability === 0) return x;
  const { y } = run(x.device, 'dropout', { x: flat(x) }, params, { y: x.shape });
  return track([x], y, (dy, gradients) => {
    const { y: dx } = run(x.device, 'dropout', { x: flat(dy) }, params, { y: x.shape });
    gradients.add(x, dx);
    dx.dispose();
  });
}

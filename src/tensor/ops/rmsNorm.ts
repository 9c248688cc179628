import { ShapeError } from '../../errors.js';
import { expectOptions, expectTensors } from '../expect.js';
import { run, type View } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467), x / sqrt(mean(x^2) + eps) times
 * (offset + weight). x [..., n cols], weight [cols] -> [..., n cols]: each `cols` neighbours of the last axis are
 * normalised by themselves, which with n above 1 are heads side by side.
 * @param options eps 1e-6 by default; offset 0 by default, 1 where weights are kept as what they are above 1
 * @throws OptionError, ShapeError
 */
export function rmsNorm(x: Tensor, weight: Tensor, options: { eps?: number; offset?: number } = {}): Tensor {
  expectTensors('rmsNorm', { x, weight });
  expectOptions('rmsNorm', options, ['eps', 'offset']);
  const { eps = 1e-6, offset = 0 } = options;
  const cols = weight.size;
  if (weight.shape.length !== 1 || (x.shape.at(-1) as number) % cols !== 0) {
    throw new ShapeError(
      `rmsNorm: the weight is [${weight.shape.join(', ')}], which does not divide the last axis of x [${x.shape.join(', ')}].`,
      { found: weight.shape, expected: x.shape.at(-1) },
    );
  }
  const rows = ({ storage, size, dtype }: Tensor): View => ({ storage, shape: [size / cols, cols], dtype });
  const { y, rstd } = run(x.device, 'rmsNorm', { x: rows(x), weight }, { eps, offset }, { y: x.shape });

  return track([x, weight], y, (dy, gradients) => {
    if (gradients.wants(x)) {
      const operands = { x: rows(x), weight, rstd, dy: rows(dy) };
      const { dx } = run(x.device, 'rmsNormBackward', operands, { offset }, { dx: x.shape });
      gradients.add(x, dx);
      dx.dispose();
    }
    if (gradients.wants(weight)) {
      const { tensor: dweight, accumulate } = gradients.into(weight);
      if (accumulate === 0) x.device.clear(dweight.storage);
      run(x.device, 'rmsNormBackwardWeights', { x: rows(x), rstd, dy: rows(dy), dweight }, {});
    }
  });
}

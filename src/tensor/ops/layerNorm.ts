import { expectOptions, expectTensors } from '../expect.js';
import { rows, run } from '../run.js';
import { track } from '../tape.js';
import type { Tensor } from '../tensor.js';

/**
 * Layer normalisation over the last axis. x [..., cols], weight and bias [cols] -> [..., cols].
 * @throws OptionError, ShapeError
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, options: { eps?: number } = {}): Tensor {
  expectTensors('layerNorm', { x, weight, bias });
  expectOptions('layerNorm', options, ['eps']);
  const { eps = 1e-5 } = options;
  const { y, mean, rstd } = run(x.device, 'layerNorm', { x: rows(x), weight, bias }, { eps }, { y: x.shape });

  return track([x, weight, bias], y, (dy, gradients) => {
    if (gradients.wants(x)) {
      const operands = { x: rows(x), weight, mean, rstd, dy: rows(dy) };
      const { dx } = run(x.device, 'layerNormBackward', operands, {}, { dx: x.shape });
      gradients.add(x, dx);
      dx.dispose();
    }
    if (gradients.wants(weight) || gradients.wants(bias)) {
      const [dweight, dbias] = [weight, bias].map((parameter) => {
        const { tensor, accumulate } = gradients.into(parameter);
        if (accumulate === 0) x.device.clear(tensor.storage);
        return tensor;
      }) as [Tensor, Tensor];
      run(x.device, 'layerNormBackwardWeights', { x: rows(x), mean, rstd, dy: rows(dy), dweight, dbias }, {});
    }
  });
}

import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { f32Weight, linear, Tensor } from '../../../src/tensor/index.js';
import { type GradientCase, gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

const shapes = [
  [[1], 1, 1],
  [[3], 5, 7],
  [[2, 3], 4, 16],
  [[5], 17, 19],
  [[1], 33, 2],
] as const;

gradientTests(
  shapes.flatMap(([leading, inFeatures, outFeatures]) =>
    (['outIn', 'inOut'] as const).flatMap((layout): GradientCase[] => {
      const inputs = {
        x: [...leading, inFeatures],
        weight: layout === 'outIn' ? [outFeatures, inFeatures] : [inFeatures, outFeatures],
      };
      const name = `linear [${inputs.x}] x [${inputs.weight}] ${layout}`;
      return [
        { name, inputs, forward: ({ x, weight }) => linear(x!, f32Weight(weight!, layout)) },
        {
          name: `${name} with bias`,
          inputs: { ...inputs, bias: [outFeatures] },
          forward: ({ x, weight, bias }) => linear(x!, f32Weight(weight!, layout), { bias: bias! }),
        },
      ];
    }),
  ),
);

describe('linear', () => {
  it('refuses a weight that does not take x', () => {
    const device = openReference();
    const [x, weight] = [Tensor.zeros(device, [2, 3]), Tensor.zeros(device, [3, 5])];
    expect(() => linear(x, f32Weight(weight))).toThrow(ShapeError);
    expect(() => linear(x, f32Weight(weight))).toThrow('the weight is [3, 5], which does not take x [2, 3]');
    expect(linear(x, f32Weight(weight, 'inOut')).shape).toEqual([2, 5]);
  });
});

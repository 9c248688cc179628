import { expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { rmsNorm, Tensor } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

gradientTests([
  ...[
    [1, 3],
    [3, 7],
    [2, 3, 19],
    [5, 67],
  ].map((shape) => ({
    name: `rmsNorm [${shape}]`,
    inputs: { x: shape, weight: [shape.at(-1)!] },
    forward: ({ x, weight }: Readonly<Record<string, Tensor>>) => rmsNorm(x!, weight!),
  })),
  {
    name: 'rmsNorm of 3 heads of 5',
    inputs: { x: [2, 15], weight: [5] },
    forward: ({ x, weight }) => rmsNorm(x!, weight!),
  },
  {
    name: 'rmsNorm by 1 + weight',
    inputs: { x: [3, 7], weight: [7] },
    forward: ({ x, weight }) => rmsNorm(x!, weight!, { offset: 1 }),
  },
]);

it('refuses a weight that does not divide the last axis', () => {
  const device = openReference();
  const [x, weight] = [Tensor.zeros(device, [2, 6]), Tensor.zeros(device, [4])];
  expect(() => rmsNorm(x, weight)).toThrow(ShapeError);
  expect(() => rmsNorm(x, weight)).toThrow('the weight is [4], which does not divide the last axis of x [2, 6]');
});

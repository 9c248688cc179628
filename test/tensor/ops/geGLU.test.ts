import { expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { geGLU, Tensor } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

gradientTests(
  [[1], [3, 7], [2, 67]].map((shape) => ({
    name: `geGLU [${shape}]`,
    inputs: { gate: shape, up: shape },
    forward: ({ gate, up }) => geGLU(gate!, up!),
  })),
);

it('refuses two shapes', () => {
  const device = openReference();
  const [gate, up] = [Tensor.zeros(device, [2, 6]), Tensor.zeros(device, [12])];
  expect(() => geGLU(gate, up)).toThrow(ShapeError);
  expect(() => geGLU(gate, up)).toThrow("geGLU: up is [12], expected gate's shape [2, 6].");
});

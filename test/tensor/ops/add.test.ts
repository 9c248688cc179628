import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { add, Tensor } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

gradientTests(
  [[1], [2, 3, 5], [67]].map((shape) => ({
    name: `add [${shape}]`,
    inputs: { a: shape, b: shape },
    forward: ({ a, b }) => add(a!, b!),
  })),
);

describe('add', () => {
  it('refuses shapes that differ, even when their sizes agree', () => {
    const device = openReference();
    const [a, b] = [Tensor.zeros(device, [2, 3]), Tensor.zeros(device, [3, 2])];
    expect(() => add(a, b)).toThrow(ShapeError);
    expect(() => add(a, b)).toThrow("add: b is [3, 2], expected a's shape [2, 3].");
  });
});

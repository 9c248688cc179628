import { layerNorm } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [
    [1, 3],
    [3, 7],
    [2, 3, 19],
    [5, 67],
  ].map((shape) => ({
    name: `layerNorm [${shape}]`,
    inputs: { x: shape, weight: [shape.at(-1)!], bias: [shape.at(-1)!] },
    forward: ({ x, weight, bias }) => layerNorm(x!, weight!, bias!),
  })),
);

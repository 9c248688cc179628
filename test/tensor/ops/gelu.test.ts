import { gelu } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [[1], [3, 7], [2, 67]].map((shape) => ({
    name: `gelu [${shape}]`,
    inputs: { x: shape },
    spread: 2,
    forward: ({ x }) => gelu(x!),
  })),
);

import { relu } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [[1], [3, 7], [2, 67]].map((shape) => ({
    name: `relu [${shape}]`,
    inputs: { x: shape },
    forward: ({ x }) => relu(x!),
  })),
);

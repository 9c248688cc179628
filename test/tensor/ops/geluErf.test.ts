import { geluErf } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [[1], [3, 7], [2, 67]].map((shape) => ({
    name: `geluErf [${shape}]`,
    inputs: { x: shape },
    spread: 2,
    forward: ({ x }) => geluErf(x!),
  })),
);

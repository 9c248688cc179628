import { scale } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [[1], [3, 7], [2, 67]].map((shape) => ({
    name: `scale [${shape}]`,
    inputs: { x: shape },
    forward: ({ x }) => scale(x!, -2.5),
  })),
);

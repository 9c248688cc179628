import { swish } from '../../../src/tensor/index.js';
import { gradientTests } from '../../harness/gradients.js';

gradientTests(
  [{}, { slope: 1.702 }].flatMap((options) =>
    [[1], [3, 7], [2, 67]].map((shape) => ({
      name: `swish [${shape}] ${JSON.stringify(options)}`,
      inputs: { x: shape },
      spread: 2,
      forward: ({ x }: Parameters<Parameters<typeof gradientTests>[0][number]['forward']>[0]) => swish(x!, options),
    })),
  ),
);

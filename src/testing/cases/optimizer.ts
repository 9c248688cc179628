/** Cases of what a step of the optimizer runs. */
import type { optimizer as records } from '../../backend/kernels/optimizer.js';
import type { Case, Cases } from '../case.js';
import type { Given } from '../reference/types.js';
import { sizes } from './shared.js';

function sumCases(): Case<'sum' | 'sumSquares'>[] {
  return sizes.flatMap((size, i) =>
    [0, 1].map((accumulate) => {
      const [slots, slot] = [1 + 3 * (i % 2), i % 2 ? 2 : 0];
      return {
        dims: { size, slots },
        params: { slot, accumulate },
        prepare: ({ total }: Given<'sum'>) => {
          if (!accumulate) total[slot] = Number.NaN;
        },
      };
    }),
  );
}

export const optimizer: Cases<keyof typeof records> = {
  sum: sumCases(),
  sumSquares: sumCases(),
  clipScale: (
    [
      [1, 1, 4],
      [3, 1, 0.01],
      [7, 0, 4],
      [257, 1, 4],
    ] as const
  ).map(([slots, maxNorm, size]) => ({
    dims: { slots },
    params: { maxNorm },
    note: `squares of size ${size}`,
    prepare: ({ squares }, random) =>
      squares.forEach((_, i) => {
        squares[i] = Math.fround((size * random.uniform()) / slots);
      }),
  })),
  adamW: [
    ...sizes.map((size) => [size, 1, 0.01, [0.9, 0.999]] as const),
    [97, 1000, 0, [0.9, 0.999]] as const,
    ...[
      [0, 0],
      [0.3, 0.01],
      [0.999, 0.99999],
    ].map((betas) => [41, 7, 0.01, betas] as const),
  ].map(([size, step, weightDecay, [beta1 = 0, beta2 = 0]]) => ({
    dims: { size },
    params: {
      lr: 1e-3,
      take1: 1 - beta1,
      take2: 1 - beta2,
      eps: 1e-8,
      decay: 1e-3 * weightDecay,
      correction1: 1 - beta1 ** step,
      correction2: 1 - beta2 ** step,
    },
    note: `step ${step}, betas ${beta1} and ${beta2}`,
    prepare: ({ scale, v, grad }, random) => {
      scale[0] = 0.25;
      v.forEach((_, i) => {
        v[i] = Math.fround(random.uniform() ** 4);
      });
      grad[0] = 0;
    },
  })),
};

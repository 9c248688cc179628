/** Cases of kernels whose elements know nothing of each other. */
import type { elements as records } from '../../backend/kernels/elements.js';
import type { Cases } from '../case.js';
import { sized, sizes } from './shared.js';

/** Flat parts, the bend around zero, and values whose cube or square would overflow a careless formula. */
const hardActivations = [0, -0, 1e-30, -1e-30, -0.5, 0.5, -3, 3, -5.5, 5.5, -9, 9, -30, 30, -1e4, 1e4];
const fillHardActivations = (x: Float64Array) =>
  x.forEach((v, i) => {
    x[i] = hardActivations[i] ?? 3 * v;
  });

/** SiLU, and the approximation of GELU by a sigmoid. */
const swishCases = sizes.map((size, index) => ({
  dims: { size },
  params: { slope: Math.fround(index % 2 === 0 ? 1 : 1.702) },
  prepare: ({ x }: { readonly x: Float64Array }) => fillHardActivations(x),
}));

export const elements: Cases<keyof typeof records> = {
  gelu: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  geluBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  relu: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  reluBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  geluErf: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  geluErfBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ x }) => fillHardActivations(x) })),
  swish: swishCases,
  swishBackward: swishCases,
  geGLU: sizes.map((size) => ({ ...sized(size), prepare: ({ gate }) => fillHardActivations(gate) })),
  geGLUBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ gate }) => fillHardActivations(gate) })),
  swiGLU: sizes.map((size) => ({ ...sized(size), prepare: ({ gate }) => fillHardActivations(gate) })),
  swiGLUBackward: sizes.map((size) => ({ ...sized(size), prepare: ({ gate }) => fillHardActivations(gate) })),
  add: sizes.map(sized),
  addInto: sizes.map((size) => ({ ...sized(size), params: { scale: -0.7 } })),
  scale: sizes.map((size) => ({ ...sized(size), params: { factor: -0.7 } })),
  dropout: [
    ...sizes.map((size) => ({ ...sized(size), params: { seed: 7 * size, threshold: 0.1 * 2 ** 32, scale: 1 / 0.9 } })),
    { dims: { size: 97 }, params: { seed: 0xffffffff, threshold: 0x80000000, scale: 2 }, note: 'top bits set' },
    { dims: { size: 97 }, params: { seed: 3, threshold: 0, scale: 1 }, note: 'keeps all' },
  ].map(({ params, ...rest }) => ({ ...rest, params: { ...params, threshold: Math.floor(params.threshold) } })),
};

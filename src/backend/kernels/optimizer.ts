/** What a step of the optimizer runs: sums of losses and of squares, the norm's clip, AdamW. */
import { of, roundings } from './notation.js';
import { overElements, rangeOver } from './plan.js';
import type { KernelSpec } from './spec.js';

export const optimizer = {
  /** total[slot] (+)= sum of x: gathers per-row losses without a read-back. */
  sum: {
    dims: ['size', 'slots'],
    params: { slot: 'u32', accumulate: 'u32' },
    in: { x: ['size'] },
    inout: { total: ['slots'] },
    flops: (d) => of(d, 'size'),
    ulp: (d) => roundings(of(d, 'size')) + 1,
  },
  /** total[slot] (+)= sum of x^2: one term of the global gradient norm. */
  sumSquares: {
    dims: ['size', 'slots'],
    params: { slot: 'u32', accumulate: 'u32' },
    in: { x: ['size'] },
    inout: { total: ['slots'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: (d) => roundings(of(d, 'size')) + 2,
  },
  /**
   * norm = sqrt(sum over slots of squares); scale = min(1, maxNorm / (norm + 1e-6)) as PyTorch's clip_grad_norm_, 1
   * when maxNorm is 0. Kept on the device, read by adamW.
   */
  clipScale: {
    dims: ['slots'],
    params: { maxNorm: 'f32' },
    in: { squares: ['slots'] },
    out: { norm: [1], scale: [1] },
    flops: (d) => of(d, 'slots'),
    ulp: (d) => roundings(of(d, 'slots')) + 6,
    plan: {
      wasm: rangeOver([], (d) => of(d, 'slots')),
      webgpu: { along: 'slots', groups: () => 1 },
    },
  },
  /**
   * AdamW with decoupled weight decay, as PyTorch orders it. g = scale[0] * grad; m += takeN (g - m) with N = 1;
   * v += takeN (g^2 - v) with N = 2; takeN = 1 - betaN;
   * parameter -= decay * parameter + lr * (m / correction1) / (sqrt(v / correction2) + eps), decay = lr * weightDecay,
   * correctionN = 1 - betaN^step. All that depends on a beta is computed in float64 by the host: 1 - beta2 of a beta2
   * that was rounded to f32 is off by 1e-5.
   */
  adamW: {
    dims: ['size'],
    params: {
      lr: 'f32',
      take1: 'f32',
      take2: 'f32',
      eps: 'f32',
      decay: 'f32',
      correction1: 'f32',
      correction2: 'f32',
    },
    in: { grad: ['size'], scale: [1] },
    inout: { parameter: ['size'], m: ['size'], v: ['size'] },
    flops: (d) => 14 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(8),
  },
} as const satisfies Record<string, KernelSpec>;

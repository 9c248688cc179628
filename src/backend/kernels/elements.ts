/** Kernels that compute each element by itself: activations, sums of tensors, dropout. */
import { of } from './notation.js';
import { overElements } from './plan.js';
import type { KernelSpec } from './spec.js';

export const elements = {
  /** GELU, GPT-2's tanh form: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
  gelu: {
    dims: ['size'],
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 12 * of(d, 'size'),
    ulp: () => 8,
    plan: overElements(8),
  },
  geluBackward: {
    dims: ['size'],
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => 20 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(10),
  },
  /** GELU as it was first defined: x P(X <= x) for a normal X, 0.5 x (1 + erf(x / sqrt(2))). */
  geluErf: {
    dims: ['size'],
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 36 * of(d, 'size'),
    ulp: () => 8,
    plan: overElements(16),
  },
  /** dx = dy (P(X <= x) + x p(x)), p the density of a normal X. */
  geluErfBackward: {
    dims: ['size'],
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => 50 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(22),
  },
  /** y = x s, s = 1 / (1 + e^(-slope x)): SiLU where the slope is 1. */
  swish: {
    dims: ['size'],
    params: { slope: 'f32' },
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 12 * of(d, 'size'),
    ulp: () => 8,
    plan: overElements(8),
  },
  /** dx = dy s (1 + z (1 - s)), z = slope x, s = 1 / (1 + e^-z). */
  swishBackward: {
    dims: ['size'],
    params: { slope: 'f32' },
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => 18 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(10),
  },
  /** y = max(x, 0) */
  relu: {
    dims: ['size'],
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 0,
    plan: overElements(1),
  },
  /** dx = x > 0 ? dy : 0 */
  reluBackward: {
    dims: ['size'],
    in: { x: ['size'], dy: ['size'] },
    out: { dx: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 0,
    plan: overElements(1),
  },
  /** y = silu(gate) up, silu(x) = x / (1 + e^-x): what stands between the products of a gated MLP. */
  swiGLU: {
    dims: ['size'],
    in: { gate: ['size'], up: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 12 * of(d, 'size'),
    ulp: () => 8,
    plan: overElements(8),
  },
  /** dgate = dy up silu'(gate), silu'(x) = s (1 + x (1 - s)), s = 1 / (1 + e^-x); dup = dy silu(gate). */
  swiGLUBackward: {
    dims: ['size'],
    in: { gate: ['size'], up: ['size'], dy: ['size'] },
    out: { dgate: ['size'], dup: ['size'] },
    flops: (d) => 18 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(10),
  },
  /** y = gelu(gate) up, with GPT-2's tanh form of GELU. */
  geGLU: {
    dims: ['size'],
    in: { gate: ['size'], up: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 13 * of(d, 'size'),
    ulp: () => 8,
    plan: overElements(9),
  },
  /** dgate = dy up gelu'(gate), dup = dy gelu(gate). */
  geGLUBackward: {
    dims: ['size'],
    in: { gate: ['size'], up: ['size'], dy: ['size'] },
    out: { dgate: ['size'], dup: ['size'] },
    flops: (d) => 24 * of(d, 'size'),
    ulp: () => 12,
    plan: overElements(14),
  },
  /** y = a + b */
  add: {
    dims: ['size'],
    in: { a: ['size'], b: ['size'] },
    out: { y: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 1,
    plan: overElements(2),
  },
  /** y += scale * x */
  addInto: {
    dims: ['size'],
    params: { scale: 'f32' },
    in: { x: ['size'] },
    inout: { y: ['size'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: () => 2,
    plan: overElements(2),
  },
  /** y = factor * x */
  scale: {
    dims: ['size'],
    params: { factor: 'f32' },
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => of(d, 'size'),
    ulp: () => 1,
    plan: overElements(2),
  },
  /**
   * y[i] = hash(seed, i) >= threshold ? x[i] * scale : 0, with threshold = probability * 2^32 and scale =
   * 1 / (1 - probability). Counter-based, so the backward pass is this kernel again on dy; all in u32, so both
   * backends drop the same elements: h = i * 0x9e3779b9 + seed; h ^= h >> 16; h *= 0x7feb352d; h ^= h >> 15;
   * h *= 0x846ca68b; h ^= h >> 16.
   */
  dropout: {
    dims: ['size'],
    params: { seed: 'u32', threshold: 'u32', scale: 'f32' },
    in: { x: ['size'] },
    out: { y: ['size'] },
    flops: (d) => 2 * of(d, 'size'),
    ulp: () => 2,
    plan: overElements(4, { first: true }),
  },
} as const satisfies Record<string, KernelSpec>;

/** Kernels that work row by row: embeddings, norms, losses over a vocabulary, sampling. */

import {
  type Formatted,
  formatted,
  type ScaleParam,
  type Scales,
  type Stored,
  scaleParam,
  scales,
  stored,
  type WeightFormat,
  type WithScales,
  withScales,
} from './formats.js';
import { i32, of, roundings, u32 } from './notation.js';
import { overColumns, overRows, overTable, type Plan, rangeOver, threadEach } from './plan.js';
import { type Dims, type KernelSpec, storageBytes } from './spec.js';

export interface Embedding<F extends WeightFormat> extends KernelSpec {
  readonly dims: WithScales<F, ['tokens', 'rows', 'cols']>;
  readonly params: ScaleParam<F>;
  readonly in: { readonly table: Stored<F, readonly ['rows', 'cols']> } & Scales<F, 'rows'> & {
      readonly ids: { readonly shape: readonly ['tokens']; readonly dtype: 'i32' };
    };
  readonly out: { readonly y: readonly ['tokens', 'cols'] };
  readonly plan: Plan;
}
/**
 * y[t, c] = scale table[ids[t], c] scales[ids[t], group of c], the table in one format. Also gathers rows of any matrix. ids are
 * checked on the host.
 */
function embeddingsOf<F extends WeightFormat>(format: F): { readonly [N in Formatted<'embedding', F>]: Embedding<F> } {
  const scaleBytes = {
    f32: () => 0,
    f16: () => 0,
    int8: (d: Dims) => 4 * of(d, 'groups'),
    int4: (d: Dims) => 2 * of(d, 'halves'),
  };
  const rowBytes = (d: Dims) => storageBytes(format, [of(d, 'cols')]) + scaleBytes[format](d);
  const embedding: Embedding<F> = {
    dims: withScales(format, ['tokens', 'rows', 'cols']),
    params: scaleParam(format),
    in: { table: stored(format, ['rows', 'cols']), ...scales(format, 'rows'), ids: i32('tokens') },
    out: { y: ['tokens', 'cols'] },
    flops: (d) => of(d, 'tokens', 'cols'),
    bytes: (d) => 4 * of(d, 'tokens', 'cols') + (rowBytes(d) + 4) * of(d, 'tokens'),
    ulp: () => (format === 'int8' || format === 'int4' ? 0.5 : 0),
    plan: overTable('tokens', (d) => (format === 'f32' ? 1 : 2) * of(d, 'cols')),
  };
  return { [formatted('embedding', format)]: embedding } as { [N in Formatted<'embedding', F>]: Embedding<F> };
}

export const rows = {
  ...embeddingsOf('f32'),
  ...embeddingsOf('f16'),
  ...embeddingsOf('int8'),
  ...embeddingsOf('int4'),
  /**
   * dtable[unique[u], c] += sum over t in order[starts[u] .. starts[u + 1]) of dy[t, c]. The host sorts the token
   * positions by id, so no two writers share a row and the order of the sum is fixed.
   */
  embeddingBackward: {
    dims: ['tokens', 'rows', 'cols', 'uniques', 'bounds'],
    in: { dy: ['tokens', 'cols'], order: i32('tokens'), unique: i32('uniques'), starts: i32('bounds') },
    inout: { dtable: ['rows', 'cols'] },
    flops: (d) => of(d, 'tokens', 'cols'),
    bytes: (d) =>
      4 * of(d, 'tokens', 'cols') + 8 * of(d, 'uniques', 'cols') + 4 * (of(d, 'tokens') + 2 * of(d, 'uniques')),
    ulp: (d) => roundings(of(d, 'tokens')) + 1,
    plan: overTable('uniques', (d) => (of(d, 'tokens') / of(d, 'uniques')) * of(d, 'cols')),
  },
  /** y = (x - mean) * rstd * weight + bias over the last axis; rstd = 1 / sqrt(variance + eps), variance biased. */
  layerNorm: {
    dims: ['rows', 'cols'],
    params: { eps: 'f32' },
    in: { x: ['rows', 'cols'], weight: ['cols'], bias: ['cols'] },
    out: { y: ['rows', 'cols'], mean: ['rows'], rstd: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
    plan: overRows('cols', 4),
  },
  /** dx of layerNorm: rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd. */
  layerNormBackward: {
    dims: ['rows', 'cols'],
    in: { x: ['rows', 'cols'], weight: ['cols'], mean: ['rows'], rstd: ['rows'], dy: ['rows', 'cols'] },
    out: { dx: ['rows', 'cols'] },
    flops: (d) => 12 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
    plan: overRows('cols', 6),
  },
  /** dweight[c] += sum over r of dy * xhat; dbias[c] += sum over r of dy. */
  layerNormBackwardWeights: {
    dims: ['rows', 'cols'],
    in: { x: ['rows', 'cols'], mean: ['rows'], rstd: ['rows'], dy: ['rows', 'cols'] },
    inout: { dweight: ['cols'], dbias: ['cols'] },
    flops: (d) => 5 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'rows')) + 8,
    plan: overColumns(4),
  },
  /** y = x * rstd * (offset + weight) over the last axis; rstd = 1 / sqrt(mean(x^2) + eps). */
  rmsNorm: {
    dims: ['rows', 'cols'],
    params: { eps: 'f32', offset: 'f32' },
    in: { x: ['rows', 'cols'], weight: ['cols'] },
    out: { y: ['rows', 'cols'], rstd: ['rows'] },
    flops: (d) => 4 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
    plan: overRows('cols', 3),
  },
  /** dx of rmsNorm: rstd * (g - xhat * mean(g * xhat)), g = dy * (offset + weight), xhat = x * rstd. */
  rmsNormBackward: {
    dims: ['rows', 'cols'],
    params: { offset: 'f32' },
    in: { x: ['rows', 'cols'], weight: ['cols'], rstd: ['rows'], dy: ['rows', 'cols'] },
    out: { dx: ['rows', 'cols'] },
    flops: (d) => 8 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'cols')) + 8,
    plan: overRows('cols', 5),
  },
  /** dweight[c] += sum over r of dy * xhat, xhat = x * rstd. */
  rmsNormBackwardWeights: {
    dims: ['rows', 'cols'],
    in: { x: ['rows', 'cols'], rstd: ['rows'], dy: ['rows', 'cols'] },
    inout: { dweight: ['cols'] },
    flops: (d) => 3 * of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'rows')) + 4,
    plan: overColumns(3),
  },
  /**
   * Cross-entropy of each row and its gradient, in log space: loss[r] = lse(logits[r]) - logits[r, labels[r]] in
   * nats, and logits becomes gradScale * (softmax - onehot). Rows whose label is -100 give loss 0 and gradient 0.
   * Other labels are of the vocabulary, checked on the host.
   */
  crossEntropy: {
    dims: ['rows', 'vocab'],
    params: { gradScale: 'f32' },
    in: { labels: i32('rows') },
    inout: { logits: ['rows', 'vocab'] },
    out: { loss: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
    plan: overRows('vocab', 8),
  },
  /**
   * A divergence between teacher p = softmax(teacher / teacherTemperature) and student q = softmax(student / temperature),
   * row by row, complete (zero at equality), in nats: loss[r], and student becomes gradScale * dloss[r]/dstudent.
   * Finite at any logits: where a probability underflows, its term takes its limit. `weight` is alpha of the skewed
   * forms, w of jensenShannon and symmetricKL, unused otherwise; `kind` is the simplest at this weight (simplestKind).
   * The logits of the teacher are divided by `teacherTemperature`. A row whose loss is above `clamp` (0: none) has `clamp`
   * as its loss and no gradient.
   * Rows whose label is -100 give loss 0 and gradient 0, whatever their logits hold; other labels are not looked at.
   * The gradient q_j (g_j - sum_i q_i g_i) is centred on the student's likeliest token r: with c_j = g_j - g_r it is
   * q_j (c_j - sum_i q_i c_i). When q_r is nearly 1, g_r - sum_i q_i g_i would cancel to rounding noise; c_r is exactly
   * 0. Where p / q may overflow (forwardKL), q_j g_j = -p_j is finite.
   */
  divergence: {
    dims: ['rows', 'vocab'],
    params: { weight: 'f32', temperature: 'f32', gradScale: 'f32', teacherTemperature: 'f32', clamp: 'f32' },
    constants: { kind: 'u32' },
    in: { teacher: ['rows', 'vocab'], labels: i32('rows') },
    inout: { student: ['rows', 'vocab'] },
    out: { loss: ['rows'] },
    flops: (d) => 24 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
    plan: overRows('vocab', 24),
  },
  /**
   * The alpha-beta divergence D(A, B) of two distributions, row by row, complete (zero at equality), in nats where it is a
   * KL: with a = alpha, b = beta, c = a + b above 0,
   *   D = (sum gA + gB) / c,  gA = (A^c - A^a B^b) / b,  gB = (B^c - A^a B^b) / a,
   * and its limits where a or b is 0: (1, 0) is KL(A, B), (0, 1) KL(B, A). gA and gB are its derivatives by log A and log B.
   * A and B are what `pair` names (alphaBetaPairs): p = softmax(teacher / teacherTemperature), q = softmax(student /
   * temperature), or r, their mixture (weight p^power + (1 - weight) q^power)^(1 / power), normalised; power 0 is
   * p^weight q^(1 - weight). student becomes gradScale * dloss[r]/dstudent. With w = dlog r / dlog q of a token alone and h
   * the derivative by log r, the mixture adds w (h - r sum h) to the derivative by log q; a target adds nothing.
   * crossEntropy[r] is -sum A log B of the pair targetStudent, else 0. `clamp` and labels as in `divergence`.
   */
  alphaBeta: {
    dims: ['rows', 'vocab'],
    params: {
      weight: 'f32',
      power: 'f32',
      alpha: 'f32',
      beta: 'f32',
      temperature: 'f32',
      gradScale: 'f32',
      teacherTemperature: 'f32',
      clamp: 'f32',
    },
    constants: { pair: 'u32' },
    in: { teacher: ['rows', 'vocab'], labels: i32('rows') },
    inout: { student: ['rows', 'vocab'] },
    out: { loss: ['rows'], crossEntropy: ['rows'] },
    flops: (d) => 80 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
    plan: overRows('vocab', 80),
  },
  /**
   * Ids of the k largest logits of each row, in ascending order; of those equal to the last of them the lowest ids. k is at
   * most vocab. Rows with NaN have some k ids.
   */
  topTokens: {
    dims: ['rows', 'vocab', 'k'],
    in: { logits: ['rows', 'vocab'] },
    inout: { ids: i32('rows', 'k') },
    flops: (d) => 32 * of(d, 'rows', 'vocab'),
    ulp: () => 0,
    plan: overRows('vocab', 8),
  },
  /**
   * The logits of k tokens a row, and of all others together: with z the row's logits, top[r] = max z,
   * reduced[r, i] = z[ids[r, i]] - top[r] for i < k, and
   * reduced[r, k] = temperature log(sum over the other tokens of e^((z - top[r]) / temperature)), -1e30 where they have no
   * share. softmax(reduced / temperature) has the probabilities of the k tokens and that of all others. bins is k + 1; the
   * ids of a row differ.
   */
  reduceToTop: {
    dims: ['rows', 'vocab', 'k', 'bins'],
    params: { temperature: 'f32' },
    in: { logits: ['rows', 'vocab'], ids: i32('rows', 'k') },
    inout: { reduced: ['rows', 'bins'] },
    out: { top: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
    plan: overRows('vocab', 8),
  },
  /**
   * The way back: from the gradient of reduced logits that of the logits themselves, which it replaces. A token among the
   * ids has its own; every other one its share of the last, e^((z - top[r] - reduced[r, k]) / temperature). Rows whose
   * label is -100 get zeros.
   */
  spreadFromTop: {
    dims: ['rows', 'vocab', 'k', 'bins'],
    params: { temperature: 'f32' },
    in: {
      ids: i32('rows', 'k'),
      reduced: ['rows', 'bins'],
      gradient: ['rows', 'bins'],
      top: ['rows'],
      labels: i32('rows'),
    },
    inout: { logits: ['rows', 'vocab'] },
    flops: (d) => 6 * of(d, 'rows', 'vocab'),
    ulp: () => 4,
    plan: overRows('vocab', 6),
  },
  /**
   * The clipped surrogate of a policy gradient, row by row, as PPO and MiniLLM have it. With logq = log
   * softmax(logits)[label] and ratio = importance exp(logq - oldLogProbs): loss[r] = max(-advantage ratio, -advantage
   * clamp(ratio, 1 - clip, 1 + clip)), and logits becomes gradScale dloss[r]/dlogits, which is gradScale advantage ratio
   * (softmax - onehot), or zeros where the clamped side is the larger. Rows whose label is -100 give loss 0 and
   * gradient 0. Other labels are of the vocabulary, checked on the host.
   */
  policyGradient: {
    dims: ['rows', 'vocab'],
    params: { clip: 'f32', gradScale: 'f32' },
    in: { labels: i32('rows'), advantages: ['rows'], oldLogProbs: ['rows'], importance: ['rows'] },
    inout: { logits: ['rows', 'vocab'] },
    out: { loss: ['rows'] },
    flops: (d) => 8 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 12,
    plan: overRows('vocab', 8),
  },
  /**
   * How sure two models are, and whether they agree: the entropies of softmax(teacher) and softmax(student) in nats, and 1
   * where their likeliest tokens, the first of equals, are the same, else 0. The entropy of a row with NaN or +infinity is
   * NaN. Rows whose label is -100 give zeros, whatever their logits hold.
   */
  compareRows: {
    dims: ['rows', 'vocab'],
    in: { teacher: ['rows', 'vocab'], student: ['rows', 'vocab'], labels: i32('rows') },
    out: { teacherEntropy: ['rows'], studentEntropy: ['rows'], agreement: ['rows'] },
    flops: (d) => 16 * of(d, 'rows', 'vocab'),
    ulp: (d) => roundings(of(d, 'vocab')) + 8,
    plan: overRows('vocab', 16),
  },
  /** share[r]: of the k ids in either row of a and b, each ascending, how many are in both, over k; 0 where the label is -100. */
  overlap: {
    dims: ['rows', 'k'],
    in: { a: i32('rows', 'k'), b: i32('rows', 'k'), labels: i32('rows') },
    out: { share: ['rows'] },
    flops: (d) => 2 * of(d, 'rows', 'k'),
    ulp: () => 1,
    plan: { wasm: rangeOver(['rows'], (d) => 4 * of(d, 'k')), webgpu: threadEach('rows') },
  },
  /**
   * The next token of each row, one of the first `drawable` of the vocabulary: the others, NaN or not, are not looked
   * at. Of its logits the topK largest stay (0: all) and those equal to the last of them; of
   * these the largest whose weights exp((logit - largest) / temperature) add up to at least topP of all, among equal
   * logits the lower ids; one is drawn with its weight. temperature 0: the largest logit, the lowest id among equals.
   * ids[r] is -1 where the row has NaN or +infinity, -2 where all its logits are -infinity.
   * The draw is a race: token j waits -log(1 - u_j) / weight_j and the first one wins, the lowest id among equals. u_j
   * = (h + 1/2) / 2^32, h = word j % 2 of threefry2x32-13(key (seeds[r, 0], seeds[r, 1]), counter (floor(j / 2),
   * step)), so a draw depends on the row's seed, on `step` and on its logits alone, and both backends draw the same
   * token unless a rounding decides.
   */
  sample: {
    dims: ['rows', 'vocab'],
    params: { temperature: 'f32', topK: 'u32', topP: 'f32', step: 'u32', drawable: 'u32' },
    in: { logits: ['rows', 'vocab'], seeds: u32('rows', 2) },
    out: { ids: i32('rows') },
    flops: (d) => 64 * of(d, 'rows', 'vocab'),
    ulp: () => 1,
    plan: overRows('vocab', 32),
  },
} as const satisfies Record<string, KernelSpec>;

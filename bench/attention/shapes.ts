import type { Size } from '../frame/benchmark.ts';

/** GPT-2 small: 12 heads of 64, 512 positions, batch 8. */
export const headDim = 64;
export const attentionShapes: Readonly<Record<Size, { batch: number; heads: number; seq: number }>> = {
  large: { batch: 8, heads: 12, seq: 1024 },
  full: { batch: 8, heads: 12, seq: 512 },
  small: { batch: 2, heads: 12, seq: 256 },
  tiny: { batch: 1, heads: 2, seq: 64 },
};

/** Of one direction: the two products of every query with the keys that it sees, all of them where `queries` is 1. */
export function forwardOperations(size: Size, queries: number, causal: boolean): number {
  const { batch, heads, seq } = attentionShapes[size];
  return 4 * headDim * batch * heads * (causal && queries > 1 ? (seq * (seq + 1)) / 2 : queries * seq);
}

export function attentionName(size: Size, name: string): string {
  const { batch, heads, seq } = attentionShapes[size];
  return `${batch} x ${heads} x ${seq} x ${headDim}, ${name}`;
}

/** The attention of one query over all keys, in float64; keys and values `stride` elements apart. Its first element. */
export function attendOnce(
  query: Float32Array,
  keys: Float32Array,
  values: Float32Array,
  stride: number,
  seq: number,
): number {
  const scores = Array.from({ length: seq }, (_, j) =>
    query.reduce((sum, value, e) => sum + (value * (keys[j * stride + e] as number)) / Math.sqrt(headDim), 0),
  );
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
  return scores.reduce((sum, score, j) => sum + (Math.exp(score) / total) * (values[j * stride] as number), 0);
}

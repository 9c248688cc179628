import { int4Elements } from './int4Elements.js';
import { int8Elements } from './int8Elements.js';
import { expected, type Reference, Sum } from './types.js';

type Gemm = Reference<'gemmNN'>;
type Index = (row: number, column: number, dims: Parameters<Gemm>[0]) => number;

/** c (+)= sum over p of a[i, p] b[p, j], the two index functions saying where a[i, p] and b[p, j] lie. */
const gemm =
  (indexA: Index, indexB: Index): Gemm =>
  (dims, { a, b, c: before }, { accumulate }) => {
    const c = expected(dims.m * dims.n);
    for (let i = 0; i < dims.m; i++) {
      for (let j = 0; j < dims.n; j++) {
        const sum = new Sum();
        for (let p = 0; p < dims.k; p++) sum.add(a[indexA(i, p, dims)]! * b[indexB(p, j, dims)]!);
        if (accumulate) sum.add(before[i * dims.n + j]!);
        sum.put(c, i * dims.n + j);
      }
    }
    return { c };
  };

export const gemmNN = gemm(
  (i, p, { k }) => i * k + p,
  (p, j, { n }) => p * n + j,
);
export const gemmNT = gemm(
  (i, p, { k }) => i * k + p,
  (p, j, { k }) => j * k + p,
);
export const gemmTN = gemm(
  (i, p, { m }) => p * m + i,
  (p, j, { n }) => p * n + j,
);

/** The same, times a scale. */
const scaled =
  (product: Gemm): Reference<'gemmNNF16'> =>
  (dims, { b, ...operands }, params) =>
    product(dims, { ...operands, b: b.map((half) => half * params.scale) }, params);
export const gemmNNF16 = scaled(gemmNN);
export const gemmNTF16 = scaled(gemmNT);

export const gemmNNInt8: Reference<'gemmNNInt8'> = (dims, { b, scales, ...operands }, params) =>
  gemmNN(dims, { ...operands, b: int8Elements([dims.k, dims.n], b, scales) }, params);

/** Neighbours along k whose left elements may be rounded by the size of the largest. */
const GROUP = 1024;

/** The size of the largest of each such group of a row. */
const largestOfGroups = (row: Float64Array): number[] =>
  Array.from({ length: Math.ceil(row.length / GROUP) }, (_, group) =>
    row.subarray(group * GROUP, (group + 1) * GROUP).reduce((most, x) => Math.max(most, Math.abs(x)), 0),
  );

export const gemmNNInt4: Reference<'gemmNNInt4'> = (dims, { b, scales, ...operands }, params) =>
  gemmNN(dims, { ...operands, b: int4Elements([dims.k, dims.n], b, scales, params.scale).element }, params);

/**
 * c (+)= a element[n, k]^T, where each left element may be rounded by the size of the largest of its group. `size` is what an
 * element's own parts add up to, by which such an error counts.
 */
function ofRoundedRows(
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  { a, c: before }: { readonly a: Float64Array; readonly c: Float64Array },
  { element, size }: { readonly element: Float64Array; readonly size: Float64Array },
  accumulate: number,
) {
  const c = expected(m * n);
  for (let i = 0; i < m; i++) {
    const largest = largestOfGroups(a.subarray(i * k, (i + 1) * k));
    for (let j = 0; j < n; j++) {
      const sum = new Sum();
      for (let p = 0; p < k; p++) {
        sum.add(a[i * k + p]! * element[j * k + p]!, largest[Math.floor(p / GROUP)]! * size[j * k + p]!);
      }
      if (accumulate) sum.add(before[i * n + j]!);
      sum.put(c, i * n + j);
    }
  }
  return { c };
}

export const gemmNTInt4: Reference<'gemmNTInt4'> = (dims, { b, scales, ...operands }, { accumulate, scale }) =>
  ofRoundedRows(dims, operands, int4Elements([dims.n, dims.k], b, scales, scale), accumulate);

export const gemmNTInt8: Reference<'gemmNTInt8'> = (dims, { b, scales, ...operands }, { accumulate }) => {
  const element = int8Elements([dims.n, dims.k], b, scales);
  return ofRoundedRows(dims, operands, { element, size: element.map(Math.abs) }, accumulate);
};

/** c before a product that is added to a bias. */
const onBias = ({ m, n }: { readonly m: number; readonly n: number }, bias: Float64Array) => ({
  c: Float64Array.from({ length: m * n }, (_, i) => bias[i % n]!),
});
const add = { accumulate: 1 };
export const linearNN: Reference<'linearNN'> = (dims, { bias, ...operands }, params) =>
  gemmNN(dims, { ...operands, ...onBias(dims, bias) }, { ...params, ...add });
export const linearNT: Reference<'linearNT'> = (dims, { bias, ...operands }, params) =>
  gemmNT(dims, { ...operands, ...onBias(dims, bias) }, { ...params, ...add });
export const linearNTF16: Reference<'linearNTF16'> = (dims, { bias, ...operands }, params) =>
  gemmNTF16(dims, { ...operands, ...onBias(dims, bias) }, { ...params, ...add });
export const linearNTInt8: Reference<'linearNTInt8'> = (dims, { bias, ...operands }, params) =>
  gemmNTInt8(dims, { ...operands, ...onBias(dims, bias) }, { ...params, ...add });
export const linearNTInt4: Reference<'linearNTInt4'> = (dims, { bias, ...operands }, params) =>
  gemmNTInt4(dims, { ...operands, ...onBias(dims, bias) }, { ...params, ...add });

export const columnSum: Reference<'columnSum'> = ({ rows, cols }, { x, sum: before }, { accumulate }) => {
  const sum = expected(cols);
  for (let c = 0; c < cols; c++) {
    const total = new Sum();
    for (let r = 0; r < rows; r++) total.add(x[r * cols + c]!);
    if (accumulate) total.add(before[c]!);
    total.put(sum, c);
  }
  return { sum };
};

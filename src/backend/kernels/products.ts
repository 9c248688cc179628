/** Matrix products, and what a linear layer needs besides: its bias, and the bias's gradient. */
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
} from './formats.js';
import { of, roundings } from './notation.js';
import { overColumns, rangeOver, threadEach } from './plan.js';
import type { KernelSpec } from './spec.js';

/** c [m, n] (+)= a [m, k] B, B being the weight b. `Axis` is the one along which bytes have scales. */
export interface Product<F extends WeightFormat, B extends readonly [string, string], Axis extends string>
  extends KernelSpec {
  readonly dims: readonly ['m', 'n', 'k'];
  readonly params: { readonly accumulate: 'u32' } & ScaleParam<F>;
  readonly in: { readonly a: readonly ['m', 'k']; readonly b: Stored<F, B> } & Scales<F, Axis>;
  readonly inout: { readonly c: readonly ['m', 'n'] };
}
function product<F extends WeightFormat, const B extends readonly [string, string], Axis extends string>(
  format: F,
  b: B,
  axis: Axis,
  ulp: (k: number) => number,
): Product<F, B, Axis> {
  return {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32', ...scaleParam(format) },
    in: { a: ['m', 'k'], b: stored(format, b), ...scales(format, axis) },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => ulp(of(d, 'k')),
  };
}

type Products<F extends WeightFormat> = {
  /** c [m, n] (+)= scale a [m, k] diag(scales [k]) b [k, n] */
  readonly [N in Formatted<'gemmNN', F>]: Product<F, readonly ['k', 'n'], 'k'>;
} & {
  /** c [m, n] (+)= scale (a [m, k] b[n, k]^T) diag(scales [n]) */
  readonly [N in Formatted<'gemmNT', F>]: Product<F, readonly ['n', 'k'], 'n'>;
};
/**
 * The products with a weight in one format. Held [out, in], as checkpoints have it, the weight is b of gemmNT in the
 * forward pass and b of gemmNN in the gradient of the input; its bytes have a scale an output, which is an n of the
 * first and a k of the second.
 *
 * On WASM gemmNTInt8 rounds a to 15 bits of the largest of every 1024 neighbours along k, a hundredth of what rounding
 * b to 8 bits did, and sums the products as integers.
 */
function productsWith<F extends WeightFormat>(format: F): Products<F> {
  const rounded = (k: number) => roundings(k) + 4;
  // A rounding is 2^-15 of the largest: up to 512 units where the scale counts every term of a group as large as that.
  const asIntegers = (k: number) => 512 + roundings(k) + 5;
  return {
    [formatted('gemmNN', format)]: product(format, ['k', 'n'], 'k', rounded),
    [formatted('gemmNT', format)]: product(format, ['n', 'k'], 'n', format === 'int8' ? asIntegers : rounded),
  } as unknown as Products<F>;
}

export const products = {
  ...productsWith('f32'),
  ...productsWith('f16'),
  ...productsWith('int8'),
  /** c [m, n] (+)= a[k, m]^T b [k, n]: the gradient of a weight. */
  gemmTN: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['k', 'm'], b: ['k', 'n'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
  },
  /** y[r, c] = row[c]: the bias that a gemm then accumulates onto. */
  broadcastRows: {
    dims: ['rows', 'cols'],
    in: { row: ['cols'] },
    inout: { y: ['rows', 'cols'] },
    flops: (d) => of(d, 'rows', 'cols'),
    ulp: () => 0,
    plan: { wasm: rangeOver(['rows'], (d) => of(d, 'cols')), webgpu: threadEach('rows', 'cols') },
  },
  /** sum[c] (+)= sum over r of x[r, c] */
  columnSum: {
    dims: ['rows', 'cols'],
    params: { accumulate: 'u32' },
    in: { x: ['rows', 'cols'] },
    inout: { sum: ['cols'] },
    flops: (d) => of(d, 'rows', 'cols'),
    ulp: (d) => roundings(of(d, 'rows')) + 1,
    plan: overColumns(1),
  },
} as const satisfies Record<string, KernelSpec>;

export type ProductName = Extract<keyof typeof products, `gemm${string}`>;
export const productNames = Object.keys(products).filter((name): name is ProductName => name.startsWith('gemm'));

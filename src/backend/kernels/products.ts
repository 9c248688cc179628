/** Matrix products, those of a linear layer with its bias, and the bias's gradient. */
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
import { of, roundings } from './notation.js';
import { overColumns } from './plan.js';
import type { KernelSpec } from './spec.js';

/** c [m, n] (+)= a [m, k] B, B being the weight b. `Axis` is that of the weight's rows. */
export interface Product<F extends WeightFormat, B extends readonly [string, string], Axis extends string>
  extends KernelSpec {
  readonly dims: WithScales<F, ['m', 'n', 'k']>;
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
    dims: withScales(format, ['m', 'n', 'k']),
    params: { accumulate: 'u32', ...scaleParam(format) },
    in: { a: ['m', 'k'], b: stored(format, b), ...scales(format, axis) },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => ulp(of(d, 'k')),
  };
}

/** c [m, n] = bias + a [m, k] B: the forward pass of a linear layer. One rounding more than the product alone. */
export interface BiasedProduct<F extends WeightFormat, B extends readonly [string, string]> extends KernelSpec {
  readonly dims: WithScales<F, ['m', 'n', 'k']>;
  readonly params: ScaleParam<F>;
  readonly in: { readonly a: readonly ['m', 'k']; readonly b: Stored<F, B> } & Scales<F, 'n'> & {
      readonly bias: readonly ['n'];
    };
  readonly out: { readonly c: readonly ['m', 'n'] };
}
function biasedProduct<F extends WeightFormat, const B extends readonly [string, string]>(
  format: F,
  b: B,
  ulp: (k: number) => number,
): BiasedProduct<F, B> {
  return {
    dims: withScales(format, ['m', 'n', 'k']),
    params: scaleParam(format),
    in: { a: ['m', 'k'], b: stored(format, b), ...scales(format, 'n'), bias: ['n'] },
    out: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => ulp(of(d, 'k')),
  };
}

type Products<F extends WeightFormat> = {
  /** c [m, n] (+)= scale a [m, k] diag(scales [k]) b [k, n]; groups of b are along n */
  readonly [N in Formatted<'gemmNN', F>]: Product<F, readonly ['k', 'n'], 'k'>;
} & {
  /** c [m, n] (+)= scale (a [m, k] b[n, k]^T) diag(scales [n]); groups of b are along k */
  readonly [N in Formatted<'gemmNT', F>]: Product<F, readonly ['n', 'k'], 'n'>;
} & {
  /** c [m, n] = bias [n] + scale (a [m, k] b[n, k]^T) diag(scales [n]) */
  readonly [N in Formatted<'linearNT', F>]: BiasedProduct<F, readonly ['n', 'k']>;
};
/**
 * The products with a weight in one format. Held [out, in], as checkpoints have it, the weight is b of gemmNT in the
 * forward pass and b of gemmNN in the gradient of the input; its bytes have a scale an output, which is an n of the
 * first and a k of the second. Groups are along its inputs, which are the k of the first and an n of the second.
 *
 * On WASM gemmNTInt8, and with it linearNTInt8, rounds a to 15 bits of the largest of every 1024 neighbours along k, a
 * hundredth of what rounding b to 8 bits did, and sums the products as integers. So do gemmNTInt4 and linearNTInt4; there
 * q and m are added up apart, so that an error counts at the size of both.
 */
function productsWith<F extends WeightFormat>(format: F): Products<F> {
  // A rounding is 2^-15 of the largest: up to 512 units where the scale counts every term of a group as large as that.
  const asIntegers = (k: number) => 512 + roundings(k) + 5;
  const ofRows = format === 'int8' || format === 'int4' ? asIntegers : rounded;
  return {
    [formatted('gemmNN', format)]: product(format, ['k', 'n'], 'k', rounded),
    [formatted('gemmNT', format)]: product(format, ['n', 'k'], 'n', ofRows),
    [formatted('linearNT', format)]: biasedProduct(format, ['n', 'k'], ofRows),
  } as unknown as Products<F>;
}
const rounded = (k: number) => roundings(k) + 4;

export const products = {
  ...productsWith('f32'),
  ...productsWith('f16'),
  ...productsWith('int8'),
  ...productsWith('int4'),
  /** c [m, n] = bias [n] + a [m, k] b [k, n] */
  linearNN: biasedProduct('f32', ['k', 'n'], rounded),
  /** c [m, n] (+)= a[k, m]^T b [k, n]: the gradient of a weight. */
  gemmTN: {
    dims: ['m', 'n', 'k'],
    params: { accumulate: 'u32' },
    in: { a: ['k', 'm'], b: ['k', 'n'] },
    inout: { c: ['m', 'n'] },
    flops: (d) => 2 * of(d, 'm', 'n', 'k'),
    ulp: (d) => roundings(of(d, 'k')) + 4,
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

/** Products that may add to what c holds. */
export type ProductName = Extract<keyof typeof products, `gemm${string}`>;
/** Products onto a bias. */
export type LinearName = Extract<keyof typeof products, `linear${string}`>;
export const productNames = Object.keys(products).filter((name): name is ProductName => name.startsWith('gemm'));
export const linearNames = Object.keys(products).filter((name): name is LinearName => name.startsWith('linear'));
/** The product of the same operands without a bias. */
export const productOf = (kernel: LinearName): ProductName => kernel.replace('linear', 'gemm') as ProductName;

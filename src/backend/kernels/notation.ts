/** Short words for the records: operands of other types than f32, sizes, roundings. */
import type { Dims, Extent } from './spec.js';

export const i32 = <const S extends readonly Extent[]>(...shape: S) => ({ shape, dtype: 'i32' }) as const;
export const u32 = <const S extends readonly Extent[]>(...shape: S) => ({ shape, dtype: 'u32' }) as const;

/** The product of the named dims. */
export function of(dims: Dims, ...names: readonly string[]): number {
  let product = 1;
  for (let i = 0; i < names.length; i++) product *= dims[names[i] as string] ?? 1;
  return product;
}

/**
 * Units in the last place that n additions may cost: their errors are as good as random, so they grow as the root of n.
 */
export const roundings = (n: number): number => Math.sqrt(n);

import type { GivenName, InoutName, OutName, ParamsOf } from '../../backend/backend.js';
import type { KernelName, Kernels } from '../../backend/kernels/index.js';

/** What kernel K reads: `in` and `inout`, row-major, integers as numbers. */
export type Given<K extends KernelName> = Readonly<Record<GivenName<K>, Float64Array>>;
export type DimsOf<K extends KernelName> = Readonly<Record<Kernels[K]['dims'][number], number>>;

/** One output as it should be, in float64. */
export interface Expected {
  readonly value: Float64Array;
  /**
   * Per element, the sum of the absolute terms that make it up, each times its condition number where it goes
   * through an exponential: the size at which an error of one rounding is one unit in the last place.
   */
  readonly scale: Float64Array;
}

/** Kernel K in plain loops. Gives whole `inout` operands, with the elements that the kernel leaves alone. */
export type Reference<K extends KernelName> = (
  dims: DimsOf<K>,
  given: Given<K>,
  params: ParamsOf<K>,
) => Readonly<Record<InoutName<K> | OutName<K>, Expected>>;

/**
 * The size of an exponential for counting errors: those below the smallest normal f32 may be flushed to zero, or cut
 * off a little earlier, which is one unit in the last place of this.
 */
export const exponentialSize = (value: number): number => Math.max(value, 2 ** -125 * 2 ** 23);

export const expected = (size: number): Expected => ({ value: new Float64Array(size), scale: new Float64Array(size) });

/** An operand as it is before the kernel writes to it: untouched elements are exact. */
export const untouched = (before: Float64Array): Expected => ({
  value: Float64Array.from(before),
  scale: before.map(Math.abs),
});

/** Builds up one element: the sum of its terms and of their sizes. */
export class Sum {
  value = 0;
  scale = 0;

  /** Adds a term; `size` when its error is not one rounding of itself. */
  add(term: number, size = Math.abs(term)): void {
    this.value += term;
    this.scale += size;
  }

  put({ value, scale }: Expected, at: number): void {
    value[at] = this.value;
    scale[at] = this.scale;
  }
}

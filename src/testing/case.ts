import type { ParamsOf } from '../backend/backend.js';
import type { Dims, KernelName } from '../backend/kernels/index.js';
import type { Random } from './random.js';
import type { DimsOf, Given } from './reference/types.js';

/** One call of kernel K to test. */
export interface Case<K extends KernelName> {
  readonly dims: DimsOf<K>;
  readonly params: ParamsOf<K>;
  /** What is special about it, for messages. */
  readonly note?: string;
  /**
   * Changes the operands after they were filled: f32 with standard normals, integers with zeros. What a kernel must
   * not read becomes NaN here.
   */
  readonly prepare?: (given: Given<K>, random: Random, call: { dims: DimsOf<K>; params: ParamsOf<K> }) => void;
}

/** The cases of some kernels. */
export type Cases<K extends KernelName> = { readonly [P in K]: readonly Case<P>[] };

/** A case whose kernel is not known to the type system. */
export interface AnyCase {
  readonly dims: Dims;
  readonly params: Readonly<Record<string, number>>;
  readonly note?: string;
  readonly prepare?: (
    given: Readonly<Record<string, Float64Array>>,
    random: Random,
    call: { dims: Dims; params: Readonly<Record<string, number>> },
  ) => void;
}

import { DeviceError } from '../errors.js';
import type { Expected } from './reference/types.js';

/**
 * The smallest normal f32. Smaller numbers may be flushed to zero (WGSL allows it), so differences below it are none.
 */
const SMALLEST = 2 ** -126;

/** One unit in the last place of f32 at the size of `scale`. */
export const ulpAt = (scale: number): number => 2 ** (Math.floor(Math.log2(Math.max(scale, SMALLEST))) - 23);

export interface Comparison {
  /** Elements outside the allowance. */
  readonly outside: number;
  readonly worst: { readonly index: number; readonly got: number; readonly want: number; readonly ulp: number };
}

/** Error of one element in ULP at its scale; infinite when only one of the two is NaN or infinite. */
function errorInUlp(got: number, want: number, scale: number): number {
  if (Object.is(got, want) || got === want) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Number.POSITIVE_INFINITY;
  const difference = Math.abs(got - want);
  return difference <= SMALLEST ? 0 : difference / ulpAt(Math.max(scale, Math.abs(want)));
}

export function compareUlp(got: ArrayLike<number>, { value, scale }: Expected, allowed: number): Comparison {
  let outside = 0;
  let worst = { index: 0, got: got[0]!, want: value[0]!, ulp: 0 };
  for (let index = 0; index < value.length; index++) {
    // An allowance of 0 means the bits of the exact result, which f32 can hold.
    const ulp = errorInUlp(got[index]!, value[index]!, scale[index]!);
    if (ulp > allowed) outside++;
    if (ulp > worst.ulp) worst = { index, got: got[index]!, want: value[index]!, ulp };
  }
  return { outside, worst };
}

interface Where {
  readonly op: string;
  readonly backend: string;
  readonly output: string;
  readonly shape: string;
  readonly seed: number;
}

/**
 * @throws DeviceError with everything needed to find the fault when an element is further from `want` than `allowed`
 * ULP
 */
export function expectWithinUlp(got: ArrayLike<number>, want: Expected, allowed: number, where: Where): Comparison {
  const comparison = compareUlp(got, want, allowed);
  const { outside, worst } = comparison;
  if (outside > 0 || got.length !== want.value.length) {
    throw new DeviceError(
      [
        `${where.op} on ${where.backend}: output '${where.output}' is wrong.`,
        `  case   ${where.shape}, seed ${where.seed}`,
        `  differ ${outside} of ${want.value.length} elements (${got.length} came back)`,
        `  worst  [${worst.index}]: got ${worst.got}, want ${worst.want}, scale ${want.scale[worst.index]}`,
        `  error  ${worst.ulp.toPrecision(4)} ULP of ${allowed.toPrecision(4)} allowed (${share(worst.ulp, allowed)} of the allowance)`,
      ].join('\n'),
    );
  }
  return comparison;
}

const share = (ulp: number, allowed: number) => `${((100 * ulp) / allowed).toPrecision(3)}%`;

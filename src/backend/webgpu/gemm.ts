import type { KernelCall } from '../backend.js';
import type { Context, Region } from './context.js';
import { ceilDiv } from './context.js';
import { alignedElements, checkWhole, type Window } from './windows.js';

type Form = 'gemmNN' | 'gemmNT' | 'gemmTN';
type Axis = 'm' | 'n' | 'k';
/** Rows and columns of each operand as it lies in memory. */
const axes: Readonly<Record<Form, Readonly<Record<'a' | 'b' | 'c', readonly [Axis, Axis]>>>> = {
  gemmNN: { a: ['m', 'k'], b: ['k', 'n'], c: ['m', 'n'] },
  gemmNT: { a: ['m', 'k'], b: ['n', 'k'], c: ['m', 'n'] },
  gemmTN: { a: ['k', 'm'], b: ['k', 'n'], c: ['m', 'n'] },
};
const tile = 64;
/** Up to so many rows the skinny shaders do less work than a 64 x 64 tile. */
const skinnyRows = 8;
/** Columns that a workgroup of a skinny shader owns. */
const skinnyColumns = { gemmNN: 32, gemmNT: 8 };

function skinnyShader(form: 'gemmNN' | 'gemmNT', threads: number) {
  return form === 'gemmNN'
    ? ({ shader: 'gemmSkinnyNN', constants: { SLICES: threads / skinnyColumns.gemmNN } } as const)
    : ({ shader: 'gemmSkinnyNT', constants: { SHARERS: threads / skinnyColumns.gemmNT } } as const);
}

/** A matrix product, cut along m, n and k so that every binding and every dispatch stays within the limits. */
export function encodeGemm(context: Context, form: Form, call: KernelCall<Form>): void {
  const { operands, params } = call;
  const sizes = call.dims as Record<Axis, number>;
  const step: Record<Axis, number> = { m: sizes.m, n: sizes.n, k: sizes.k };
  // A matrix that is too large for one binding is cut along its rows, the other operands follow.
  for (const name of ['c', 'a', 'b'] as const) {
    const [row, col] = axes[form][name];
    // Up to 63 elements more are bound, so that the binding starts at a multiple of 256 bytes.
    const rows = Math.floor((context.limits.maxBindingBytes / 4 - alignedElements) / sizes[col]);
    const whole = sizes[row] * sizes[col] * 4 <= context.limits.maxBindingBytes;
    if (whole) continue;
    if (rows < 1) checkWhole(form, name, 4 * sizes[col], context.limits.maxBindingBytes - 4 * alignedElements);
    step[row] = Math.min(step[row], rows);
  }
  const rowsAllowed = Math.floor(context.limits.maxFlops / (2 * sizes.n * sizes.k) / tile) * tile;
  step.m = Math.min(step.m, Math.max(tile, rowsAllowed));

  for (let m = 0; m < sizes.m; m += step.m) {
    for (let n = 0; n < sizes.n; n += step.n) {
      for (let k = 0; k < sizes.k; k += step.k) {
        const windows = {
          m: { start: m, count: Math.min(step.m, sizes.m - m) },
          n: { start: n, count: Math.min(step.n, sizes.n - n) },
          k: { start: k, count: Math.min(step.k, sizes.k - k) },
        };
        const a = operandWindow(context, form, 'a', operands.a, sizes, windows);
        const b = operandWindow(context, form, 'b', operands.b, sizes, windows);
        const c = operandWindow(context, form, 'c', operands.c, sizes, windows);
        const { m: rows, n: cols, k: depth } = windows;
        const skinny = form !== 'gemmTN' && rows.count <= skinnyRows;
        const accumulate = k > 0 ? 1 : params.accumulate;
        context.dispatch({
          ...(skinny ? skinnyShader(form, context.limits.rowThreads) : { shader: form }),
          uniform: [
            ...[rows.count, cols.count, depth.count, accumulate],
            ...[a.base, a.stride, b.base, b.stride, c.base, c.stride],
          ],
          reads: [a.region, b.region],
          writes: [c.region],
          groups: skinny
            ? ceilDiv(rows.count, 4) * ceilDiv(cols.count, skinnyColumns[form])
            : ceilDiv(rows.count, tile) * ceilDiv(cols.count, tile),
          flops: 2 * rows.count * cols.count * depth.count,
        });
      }
    }
  }
}

/** The rows of an operand that the windows ask for, bound from the multiple of 256 bytes before them on. */
function operandWindow(
  context: Context,
  form: Form,
  name: 'a' | 'b' | 'c',
  storage: KernelCall<Form>['operands']['a'],
  sizes: Readonly<Record<Axis, number>>,
  windows: Readonly<Record<Axis, Window>>,
): { region: Region; base: number; stride: number } {
  const [row, col] = axes[form][name];
  const stride = sizes[col];
  const first = windows[row].start * stride;
  const aligned = first - (first % alignedElements);
  const region = context.region(storage, aligned, first - aligned + windows[row].count * stride);
  return { region, base: first - aligned + windows[col].start, stride };
}

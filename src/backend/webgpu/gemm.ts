import type { KernelCall } from '../backend.js';
import type { Context, Region } from './context.js';
import { ceilDiv } from './context.js';
import { type ElementLayout, gemmElements, resultElements } from './gemmElements.js';
import { chooseGemm, type GemmVariant, gemmTiles, partSteps, tileExtent } from './gemmVariants.js';
import { alignedElements, checkWhole, type Window } from './windows.js';

type Form = 'gemmNN' | 'gemmNT' | 'gemmTN';
type Axis = 'm' | 'n' | 'k';
/** Rows and columns of each operand as it lies in memory. */
const axes: Readonly<Record<Form, Readonly<Record<'a' | 'b' | 'c', readonly [Axis, Axis]>>>> = {
  gemmNN: { a: ['m', 'k'], b: ['k', 'n'], c: ['m', 'n'] },
  gemmNT: { a: ['m', 'k'], b: ['n', 'k'], c: ['m', 'n'] },
  gemmTN: { a: ['k', 'm'], b: ['k', 'n'], c: ['m', 'n'] },
};
/** Up to so many rows the skinny shaders do less work than a tile. */
const skinnyRows = 8;
/** Columns that a workgroup of a skinny shader owns. */
const skinnyColumns = { gemmNN: 32, gemmNT: 8 };
/** Threads of a workgroup of gemmSum.wgsl, four columns each. */
const sumThreads = 64;

/** A window of an operand: its binding, its first element there, its row length, and how it is read. */
interface Operand {
  readonly region: Region;
  readonly base: number;
  readonly stride: number;
  readonly layout: ElementLayout;
}
/** c [m, n] (+)= A B for one window of each operand. */
interface Product {
  readonly form: Form;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly accumulate: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly c: Operand;
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
    step[row] = Math.min(step[row], roundDown(rows));
  }
  const rowsAllowed = Math.max(64, roundDown(context.limits.maxFlops / (2 * sizes.n * sizes.k)));
  step.m = Math.min(step.m, rowsAllowed);

  for (let m = 0; m < sizes.m; m += step.m) {
    for (let n = 0; n < sizes.n; n += step.n) {
      for (let k = 0; k < sizes.k; k += step.k) {
        const windows = {
          m: { start: m, count: Math.min(step.m, sizes.m - m) },
          n: { start: n, count: Math.min(step.n, sizes.n - n) },
          k: { start: k, count: Math.min(step.k, sizes.k - k) },
        };
        const operand = (name: 'a' | 'b' | 'c') => operandWindow(context, form, name, operands[name], sizes, windows);
        encodeProduct(context, {
          form,
          ...{ m: windows.m.count, n: windows.n.count, k: windows.k.count },
          accumulate: k > 0 ? 1 : params.accumulate,
          ...{ a: operand('a'), b: operand('b'), c: operand('c') },
        });
      }
    }
  }
}

/** Whole tiles, or at least whole groups of four elements, where that leaves any. */
function roundDown(count: number): number {
  const unit = count >= 128 ? 128 : count >= 64 ? 64 : count >= 4 ? 4 : 1;
  return Math.floor(count / unit) * unit;
}

/** The rows of an operand that the windows ask for, bound from the multiple of 256 bytes before them on. */
function operandWindow(
  context: Context,
  form: Form,
  name: 'a' | 'b' | 'c',
  storage: KernelCall<Form>['operands']['a'],
  sizes: Readonly<Record<Axis, number>>,
  windows: Readonly<Record<Axis, Window>>,
): Operand {
  const [row, col] = axes[form][name];
  const stride = sizes[col];
  const first = windows[row].start * stride;
  const aligned = first - (first % alignedElements);
  const region = context.region(storage, aligned, first - aligned + windows[row].count * stride);
  const base = first - aligned + windows[col].start;
  return { region, base, stride, layout: base % 4 === 0 && stride % 4 === 0 ? 'vec4' : 'f32' };
}

function encodeProduct(context: Context, product: Product): void {
  const { form, m, n, c } = product;
  if (form !== 'gemmTN' && m <= skinnyRows) {
    encodeSkinny(context, form, product);
    return;
  }
  const stride = 4 * ceilDiv(n, 4);
  // The parts are one binding.
  const mostParts = Math.max(1, Math.floor(context.limits.maxBindingBytes / (4 * m * stride)));
  const { rates, forced } = context.limits.gemm;
  const variant = forced ?? chooseGemm(rates, product, mostParts);
  const steps = partSteps(product.k, Math.min(variant.parts, mostParts));
  const parts = ceilDiv(product.k, steps);
  if (parts === 1) {
    encodeTiles(context, product, variant, steps);
    return;
  }
  context.temporary(parts * m * stride, 'parts of a product', (partial) => {
    const whole: Operand = { region: partial, base: 0, stride, layout: 'vec4' };
    encodeTiles(context, { ...product, accumulate: 0, c: whole }, variant, steps);
    context.dispatch({
      shader: 'gemmSum',
      prelude: resultElements[c.layout],
      uniform: [m, n, parts, product.accumulate, stride, c.base, c.stride],
      reads: [partial],
      writes: [c.region],
      groups: ceilDiv((m * stride) / 4, sumThreads),
      flops: parts * m * n,
    });
  });
}

/** `steps`: of k, in one part. */
function encodeTiles(context: Context, product: Product, { tile }: GemmVariant, steps: number): void {
  const { form, m, n, k } = product;
  const { side, down, across, constants } = gemmTiles[tile];
  const { rows, cols } = tileExtent(tile);
  context.dispatch({
    shader: `${form}${side}`,
    ...argumentsOf(product),
    constants: { DOWN: down, ACROSS: across, ...constants },
    uniform: [...uniformOf(product), steps],
    groups: ceilDiv(m, rows) * ceilDiv(n, cols) * ceilDiv(k, steps),
  });
}

function encodeSkinny(context: Context, form: 'gemmNN' | 'gemmNT', product: Product): void {
  const { m, n, c } = product;
  const threads = context.limits.rowThreads;
  const rows = m > 2 ? 4 : m;
  const common = {
    uniform: uniformOf(product),
    groups: ceilDiv(m, rows) * ceilDiv(n, skinnyColumns[form]),
  };
  if (form === 'gemmNN') {
    const constants = { ROWS: rows, SLICES: (4 * threads) / skinnyColumns.gemmNN };
    context.dispatch({ shader: 'gemmSkinnyNN', ...argumentsOf(product), constants, ...common });
  } else {
    const constants = { ROWS: rows, SHARERS: threads / skinnyColumns.gemmNT };
    const scalar = { ...product, c: { ...c, layout: 'f32' as const } };
    context.dispatch({ shader: 'gemmSkinnyNT', ...argumentsOf(scalar), constants, ...common });
  }
}

function argumentsOf({ m, n, k, a, b, c }: Product) {
  return {
    prelude: gemmElements({ a: a.layout, b: b.layout, c: c.layout }),
    reads: [a.region, b.region],
    writes: [c.region],
    flops: 2 * m * n * k,
  };
}

const uniformOf = ({ m, n, k, accumulate, a, b, c }: Product): number[] => [
  ...[m, n, k, accumulate],
  ...[a.base, a.stride, b.base, b.stride, c.base, c.stride],
];

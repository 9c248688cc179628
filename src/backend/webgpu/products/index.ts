/** Matrix products: cut into windows that may be bound, then into tiles, or given to the shaders for few rows. */
import type { MatrixUnit } from '../../../hardware/webgpu/facts.js';
import { matrixTile } from '../../../hardware/webgpu/matrixUnit.js';
import { groupElements, groupsOf } from '../../../int4.js';
import type { KernelCall, KernelTable, Storage } from '../../backend.js';
import { extents, operandDType, operandEntries } from '../../check.js';
import type { WeightFormat } from '../../kernels/formats.js';
import {
  bytesPerEntry,
  type Dims,
  type DType,
  entriesOf,
  type KernelSpec,
  kernels,
  type OperandSpec,
} from '../../kernels/index.js';
import { type LinearName, linearNames, type ProductName, productNames } from '../../kernels/products.js';
import type { Context, Region } from '../context.js';
import { ceilDiv, type Float, float } from '../context.js';
import { alignedBytes, checkWhole, type Window } from '../windows.js';
import {
  type ElementLayout,
  gemmElements,
  layoutOf,
  resultElements,
  type ScaledAxis,
  type StoredLayout,
} from './elements.js';
import { chooseGemm, floatTiles, type GemmVariant, gemmTiles, partSteps } from './variants.js';

type Form = 'gemmNN' | 'gemmNT' | 'gemmTN';
/** What a product is, as its record says: its layouts, how b is held, and its scales. */
function describe(kernel: ProductName | LinearName): { form: Form; format: WeightFormat; scales?: OperandSpec } {
  const { in: operands }: KernelSpec = kernels[kernel];
  const { b, scales } = operands as { readonly b: OperandSpec; readonly scales?: OperandSpec };
  return {
    form: kernel.replace('linear', 'gemm').slice(0, 'gemmNN'.length) as Form,
    format: operandDType(b) as WeightFormat,
    ...(scales && { scales }),
  };
}
/** What the scales of a call belong to. */
function scaledBy(scales: OperandSpec | undefined, [, cols]: readonly [Axis, Axis], dims: Dims): ScaledAxis {
  if (!scales) return 'whole';
  if (operandDType(scales) !== 'f16') return dims.groups === 1 ? (extents(scales)[0] as 'n' | 'k') : 'byteGroups';
  return dims.halves === groupsOf(dims[cols] as number) ? 'groups' : 'groupsWithLeast';
}
type Axis = 'm' | 'n' | 'k';
/** Rows and columns of each operand in memory. */
const axes: Readonly<Record<Form, Readonly<Record<'a' | 'b' | 'c', readonly [Axis, Axis]>>>> = {
  gemmNN: { a: ['m', 'k'], b: ['k', 'n'], c: ['m', 'n'] },
  gemmNT: { a: ['m', 'k'], b: ['n', 'k'], c: ['m', 'n'] },
  gemmTN: { a: ['k', 'm'], b: ['k', 'n'], c: ['m', 'n'] },
};
/** Up to so many rows the skinny shaders do less work than a tile. */
const skinnyRows = 8;
/** Columns of c that a workgroup of gemmSkinnyNT.wgsl owns. */
const columnsNT = 8;
/** A GPU wants at least so many workgroups. */
const busyGroups = 128;
/** Threads of a workgroup of gemmSum.wgsl, four columns each. */
const sumThreads = 64;

/** A window of an operand: its binding, its first element there, its row length, and how it is read. */
interface Operand<Layout = ElementLayout> {
  readonly region: Region;
  readonly base: number;
  readonly stride: number;
  readonly layout: Layout;
}
/** c [m, n] (+)= A B for one window of each operand. */
interface Product {
  readonly form: Form;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly accumulate: number;
  readonly a: Operand;
  readonly b: Operand<ElementLayout | StoredLayout>;
  readonly c: Operand;
  /** Of b as a whole. */
  readonly scale: number;
  readonly scaled: ScaledAxis;
  /** Scales of the whole of that axis, and the first that belongs to this window. */
  readonly scales: Region | undefined;
  readonly firstScale: number;
  /** What c starts from in place of what it holds: one number a column of the whole, of which this window has the first. */
  readonly bias: Region | undefined;
  readonly firstBias: number;
}

export function productKernels(context: Context): Pick<KernelTable, ProductName | LinearName> {
  const entries = [...productNames, ...linearNames].map((kernel) => {
    const product = describe(kernel);
    return [
      kernel,
      (call: KernelCall<ProductName | LinearName>) => encodeGemm(context, { kernel, ...product }, call),
    ] as const;
  });
  return Object.fromEntries(entries) as unknown as Pick<KernelTable, ProductName | LinearName>;
}

/** A matrix product, cut along m, n and k so that every binding and every dispatch stays within the limits. */
function encodeGemm(
  context: Context,
  {
    kernel,
    form,
    format,
    scales: scalesSpec,
  }: ReturnType<typeof describe> & { readonly kernel: ProductName | LinearName },
  call: KernelCall<ProductName | LinearName>,
): void {
  const { accumulate = 0, scale = 1 }: { accumulate?: number; scale?: number } = call.params;
  const operands: Readonly<Record<'a' | 'b' | 'c', Storage> & { scales?: Storage; bias?: Storage }> =
    call.operands as KernelCall<ProductName>['operands'];
  const dtypes = { a: 'f32', b: format, c: 'f32' } as const;
  const sizes = call.dims as Record<Axis, number>;
  const step: Record<Axis, number> = { m: sizes.m, n: sizes.n, k: sizes.k };
  const { maxBindingBytes, maxFlops } = context.limits;
  // A matrix that is too large for one binding is cut along its rows, the other operands follow.
  for (const name of ['c', 'a', 'b'] as const) {
    const [row, col] = axes[form][name];
    const rowBytes = storageRow(dtypes[name], sizes[col]) * bytesPerEntry(dtypes[name]);
    if (sizes[row] * rowBytes <= maxBindingBytes) continue;
    // Up to 255 bytes more are bound, so that the binding starts at a multiple of 256.
    const rows = Math.floor((maxBindingBytes - alignedBytes) / rowBytes);
    if (rows < 1) checkWhole(kernel, name, rowBytes, maxBindingBytes - alignedBytes);
    step[row] = Math.min(step[row], roundDown(rows));
  }
  const rowsAllowed = Math.max(64, roundDown(maxFlops / (2 * sizes.n * sizes.k)));
  step.m = Math.min(step.m, rowsAllowed);
  const scaled = scaledBy(scalesSpec, axes[form].b, call.dims);
  const scales = operands.scales && scalesSpec && wholeScales(context, kernel, operands.scales, scalesSpec, call.dims);
  checkWhole(kernel, 'bias', operands.bias ? 4 * sizes.n : 0, maxBindingBytes);
  const bias = operands.bias && context.region(operands.bias, 0, sizes.n);

  for (let m = 0; m < sizes.m; m += step.m) {
    for (let n = 0; n < sizes.n; n += step.n) {
      for (let k = 0; k < sizes.k; k += step.k) {
        const windows = {
          m: { start: m, count: Math.min(step.m, sizes.m - m) },
          n: { start: n, count: Math.min(step.n, sizes.n - n) },
          k: { start: k, count: Math.min(step.k, sizes.k - k) },
        };
        const operand = (name: 'a' | 'b' | 'c') =>
          operandWindow(context, axes[form][name], operands[name], dtypes[name], sizes, windows);
        const [a, b, c] = [operand('a'), operand('b'), operand('c')];
        encodeProduct(context, {
          form,
          ...{ m: windows.m.count, n: windows.n.count, k: windows.k.count },
          accumulate: k > 0 ? 1 : accumulate,
          a: { ...a, layout: layoutOf('f32', a) },
          // Rows are whole groups.
          b: { ...b, layout: scaled === 'byteGroups' ? 'int8Groups' : layoutOf(format, b) },
          c: { ...c, layout: layoutOf('f32', c) },
          scale,
          scaled,
          scales,
          firstScale: firstScaleOf(scaled, b, windows),
          bias: k > 0 ? undefined : bias,
          firstBias: n,
        });
      }
    }
  }
}

/** Rounds down to whole tiles, or at least to whole groups of four elements, unless nothing would remain. */
function roundDown(count: number): number {
  const unit = count >= 128 ? 128 : count >= 64 ? 64 : count >= 4 ? 4 : 1;
  return Math.floor(count / unit) * unit;
}

/** All scales of a weight, in one binding. */
function wholeScales(
  context: Context,
  kernel: ProductName | LinearName,
  storage: Storage,
  operand: OperandSpec,
  dims: Dims,
): Region {
  const [dtype, entries] = [operandDType(operand), operandEntries(operand, dims)];
  checkWhole(kernel, 'scales', bytesPerEntry(dtype) * entries, context.limits.maxBindingBytes);
  return context.region(storage, 0, entries, dtype);
}

/** Where the scales of a window begin: the first number, or the first group in the binding of b. */
function firstScaleOf(
  scaled: ScaledAxis,
  { first }: { readonly first: number },
  windows: Readonly<Record<Axis, Window>>,
): number {
  if (scaled === 'whole') return 0;
  if (scaled === 'n' || scaled === 'k') return windows[scaled].start;
  return first / groupElements;
}

/** Elements of an entry. */
const perEntry = (dtype: DType): number => (dtype === 'int4' ? 2 : 1);
/** Entries of a row of a matrix. */
const storageRow = (dtype: DType, cols: number): number => entriesOf(dtype, [cols]);

/** A window's rows of an operand, bound from the preceding multiple of 256 bytes: from element `first` of the operand. */
function operandWindow(
  context: Context,
  [row, col]: readonly [Axis, Axis],
  storage: Storage,
  dtype: DType,
  sizes: Readonly<Record<Axis, number>>,
  windows: Readonly<Record<Axis, Window>>,
): Omit<Operand, 'layout'> & { readonly first: number } {
  const entries = storageRow(dtype, sizes[col]);
  const start = windows[row].start * entries;
  const aligned = start - (start % (alignedBytes / bytesPerEntry(dtype)));
  const region = context.region(storage, aligned, start - aligned + windows[row].count * entries, dtype);
  const each = perEntry(dtype);
  return {
    region,
    base: each * (start - aligned) + windows[col].start,
    stride: each * entries,
    first: each * aligned,
  };
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
  const { rates, forced, matrixUnit } = context.limits.gemm;
  const halves = product.b.layout === 'f16x4' || product.b.layout === 'f16';
  const tiles = matrixUnit && halves ? (['matrices'] as const) : floatTiles;
  const variant = forced ?? chooseGemm(rates, product, mostParts, tiles);
  const steps = partSteps(product.k, Math.min(variant.parts, mostParts));
  const parts = ceilDiv(product.k, steps);
  if (parts === 1) {
    encodeTiles(context, product, variant, steps);
    return;
  }
  context.temporary(parts * m * stride, 'parts of a product', (partial) => {
    const whole: Operand = { region: partial, base: 0, stride, layout: 'vec4' };
    encodeTiles(context, { ...product, accumulate: 0, c: whole, bias: undefined }, variant, steps);
    context.dispatch({
      shader: 'gemmSum',
      prelude: resultElements(c.layout, product.bias !== undefined),
      uniform: [m, n, parts, product.accumulate, stride, c.base, c.stride, product.firstBias],
      reads: [partial, ...(product.bias ? [product.bias] : [])],
      writes: [c.region],
      groups: ceilDiv((m * stride) / 4, sumThreads),
      flops: parts * m * n,
    });
  });
}

/** `steps`: of k, in one part. */
function encodeTiles(context: Context, product: Product, { tile }: GemmVariant, steps: number): void {
  const { form, m, n, k } = product;
  const { loop, constants } = gemmTiles[tile];
  const matrixUnit = tile === 'matrices' ? context.limits.gemm.matrixUnit : undefined;
  const { rows, cols } = matrixUnit ? matrixTile(matrixUnit) : gemmTiles[tile];
  context.dispatch({
    shader: `${form}${loop}${matrixUnit?.pinned ? 'Pinned' : ''}`,
    ...argumentsOf(product, matrixUnit),
    constants,
    uniform: uniformOf(product, steps),
    groups: ceilDiv(m, rows) * ceilDiv(n, cols) * ceilDiv(k, steps),
  });
}

function encodeSkinny(context: Context, form: 'gemmNN' | 'gemmNT', product: Product): void {
  const { m, n, c } = product;
  const threads = context.limits.rowThreads;
  const rows = m > 2 ? 4 : m;
  const down = ceilDiv(m, rows);
  const uniform = uniformOf(product, product.k);
  if (form === 'gemmNN') {
    // Eight groups of columns read 128 contiguous bytes. When that makes too few workgroups, take four groups and more
    // slices of k.
    const columnGroups = threads >= 256 && down * ceilDiv(n, 32) < busyGroups ? 4 : 8;
    context.dispatch({
      shader: 'gemmSkinnyNN',
      ...argumentsOf(product),
      constants: { ROWS: rows, GROUPS: columnGroups, SLICES: threads / columnGroups },
      uniform,
      groups: down * ceilDiv(n, 4 * columnGroups),
    });
  } else {
    context.dispatch({
      shader: 'gemmSkinnyNT',
      ...argumentsOf({ ...product, c: { ...c, layout: 'f32' } }),
      constants: { ROWS: rows, SHARERS: threads / columnsNT },
      uniform,
      groups: down * ceilDiv(n, columnsNT),
    });
  }
}

function argumentsOf({ m, n, k, a, b, c, scaled, scales, bias }: Product, matrixUnit?: MatrixUnit) {
  const layouts = { a: a.layout, b: b.layout, c: c.layout };
  return {
    prelude: gemmElements({ ...layouts, scaled, biased: bias !== undefined, matrixUnit }),
    reads: [a.region, b.region, ...(scales ? [scales] : []), ...(bias ? [bias] : [])],
    writes: [c.region],
    flops: 2 * m * n * k,
  };
}

const uniformOf = (
  { m, n, k, accumulate, a, b, c, scale, firstScale, firstBias }: Product,
  steps: number,
): (number | Float)[] => [
  ...[m, n, k, accumulate],
  ...[a.base, a.stride, b.base, b.stride, c.base, c.stride],
  float(scale),
  firstScale,
  steps,
  firstBias,
];

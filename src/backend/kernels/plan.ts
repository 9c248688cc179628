/**
 * How the work of one call is divided. A kernel whose record has a plan needs no other code in either backend than the
 * kernel itself: its arguments follow from the record. The others (products, attention, sums over all elements) choose
 * among several functions or run in several steps, and have an encoder of their own in both.
 */
import { of } from './notation.js';
import type { Dims, Params } from './spec.js';

export interface Plan {
  readonly wasm: WasmPlan;
  readonly webgpu: WebGPUPlan;
}

/** How threads share a call on WASM: each takes parts of the range that the kernel's `begin` and `end` count. */
export interface WasmPlan {
  readonly range: (dims: Dims) => number;
  /** About how many simple operations one element of the range takes: a thread is woken only for enough of them. */
  readonly cost: (dims: Dims) => number;
  /** Parts begin at multiples of it. Left out: 1. */
  readonly step?: number;
}

/**
 * How workgroups share a call on WebGPU. Where an operand is too large for one binding, the call is cut into windows.
 */
export interface WebGPUPlan {
  /** The dim that is cut: the first axis of the operands that are cut with it. */
  readonly along: string;
  /** Workgroups for the dims of one window. */
  readonly groups: (dims: Dims) => number;
  /** The uniform holds the window's start after the params. */
  readonly first?: boolean;
  /**
   * Into how many parts the rows of a window are cut, whose sums are added up by columnSum: all that such a kernel writes
   * is one sum a column. The uniform then ends with the rows of a part, and whether to add to what is there.
   */
  readonly parts?: (dims: Dims) => number;
  /** `override` constants besides those of the record. */
  readonly constants?: (dims: Dims, limits: RowLimits) => Params;
}

/** Most threads of a workgroup that owns a row, and of one that owns a row of a vocabulary. */
export interface RowLimits {
  readonly rowThreads: number;
  readonly longRowThreads: number;
}

/** Threads of a workgroup whose threads own an element each. */
const threads = 256;
/** Columns of a workgroup whose threads own columns. */
const columns = 32;
/** WASM: whole vectors, and whole cache lines. */
const lineElements = 16;

/** One thread an element of the dims `names` on WebGPU, cut along the first of them. */
export const threadEach = (...names: readonly [string, ...string[]]): WebGPUPlan => ({
  along: names[0],
  groups: (dims) => Math.ceil(of(dims, ...names) / threads),
});

/** Ranges over the product of dims on WASM, `cost` operations each. */
export const rangeOver = (names: readonly string[], cost: (dims: Dims) => number): WasmPlan => ({
  range: (dims) => of(dims, ...names),
  cost,
});

/** Kernels of the one dim `size`. `cost` is operations an element. */
export const overElements = (cost: number, { first = false } = {}): Plan => ({
  wasm: { ...rangeOver(['size'], () => cost), step: lineElements },
  webgpu: { ...threadEach('size'), first },
});

/** Elements of a row of a vocabulary: there are few such rows at a time, so that each needs more threads. */
const longRow = 16_384;
/** Threads of a workgroup that owns a row: a power of two, fewer for short rows, whose threads would only wait. */
const threadsFor = (cols: number, { rowThreads, longRowThreads }: RowLimits) =>
  cols < longRow ? Math.min(rowThreads, Math.max(32, 2 ** Math.ceil(Math.log2(cols / 4)))) : longRowThreads;
/** Kernels that own whole rows of `rows` by `cols`. `cost` is operations an element. */
export const overRows = (cols: string, cost: number): Plan => ({
  wasm: rangeOver(['rows'], (dims) => cost * of(dims, cols)),
  webgpu: {
    along: 'rows',
    groups: (dims) => of(dims, 'rows'),
    constants: (dims, limits) => ({ THREADS: threadsFor(of(dims, cols), limits) }),
  },
});

/** A GPU wants at least so many workgroups, and a workgroup at least so many rows. */
const busyGroups = 512;
const leastRows = 64;
/**
 * Sums down the columns of `rows` by `cols`. `cost` is operations an element. On WebGPU a workgroup owns 32 columns, and
 * where that makes few workgroups, a part of the rows.
 */
export const overColumns = (cost: number): Plan => {
  const groups = (dims: Dims) => Math.ceil(of(dims, 'cols') / columns);
  const parts = (dims: Dims) =>
    Math.max(1, Math.floor(Math.min(busyGroups / groups(dims), of(dims, 'rows') / leastRows)));
  return {
    wasm: { ...rangeOver(['cols'], (dims) => cost * of(dims, 'rows')), step: lineElements },
    webgpu: { along: 'rows', groups, parts },
  };
};

/**
 * Rows of a table, gathered or scattered: one thread an element of `count` by `cols` on WebGPU, whose window is part of
 * the table.
 */
export const overTable = (count: string, cost: (dims: Dims) => number): Plan => ({
  wasm: rangeOver([count], cost),
  webgpu: { ...threadEach(count, 'cols'), along: 'rows', first: true },
});

/**
 * How a kernel call becomes a call of a function of the module. There is one convention (assembly/compute/index.ts):
 * operands in binding order, dims, params, constants, and then the range. So the arguments follow from the kernel's
 * record, and so does how the range is shared among threads where the record has a plan.
 */
import { DisposedError } from '../../errors.js';
import type { Allocator } from '../../hardware/wasm/allocator.js';
import type { ThreadPool } from '../../hardware/wasm/pool.js';
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import type { KernelCall, KernelTable, Storage } from '../backend.js';
import { operandSpecs } from '../check.js';
import { type KernelName, type KernelSpec, kernels, type PlannedKernel } from '../kernels/index.js';

/** A storage as a block of linear memory. */
export interface WasmStorage extends Storage {
  /** Byte offset; -1 once it is freed. */
  pointer: number;
  /** The shape [k, n] in which products are going to read it again and again, see panels.ts. */
  arrangement?: { readonly k: number; readonly n: number } | undefined;
  /** While it is held as panels: puts the contents back row by row, and forgets the arrangement. */
  restore?: (() => void) | undefined;
}

/** What the kernel entries need of the device. */
export interface Threads {
  readonly pool: ThreadPool;
  readonly memory: Allocator;
}

/** Some entries of the kernel table. */
export type Entries<K extends KernelName> = Pick<KernelTable, K>;

/**
 * Byte offset of a storage in linear memory, where its contents lie row by row.
 * @throws DisposedError after `free`; LimitError when there is no room to put the contents of panels back
 */
export function at(storage: Storage): number {
  const own = storage as WasmStorage;
  if (own.pointer < 0) throw new DisposedError(`${own.label}: the storage was used after it was freed.`);
  own.restore?.();
  return own.pointer;
}

type Sizes<Names extends readonly string[]> = { -readonly [I in keyof Names]: number };

/** Dims by name, in the order asked for. */
export function sizes<const Names extends readonly string[]>(
  call: Pick<KernelCall, 'dims'>,
  names: Names,
): Sizes<Names> {
  return names.map((name) => call.dims[name] as number) as Sizes<Names>;
}

/** Names of what a kernel's function takes, in order; made once, for every call walks through them. */
interface Signature {
  readonly operands: readonly string[];
  readonly dims: readonly string[];
  readonly params: readonly string[];
}
const signatures = new Map<KernelName, Signature>(
  (Object.keys(kernels) as KernelName[]).map((kernel) => {
    const { dims, params, constants }: KernelSpec = kernels[kernel];
    const operands = operandSpecs(kernel).map(([name]) => name);
    return [kernel, { operands, dims, params: Object.keys({ ...params, ...constants }) }];
  }),
);

/** The arguments of a call, less its range. */
export function argumentsOf<K extends KernelName>(kernel: K, call: KernelCall<K>): number[] {
  const { operands, dims, params } = signatures.get(kernel) as Signature;
  const storages = call.operands as Readonly<Record<string, Storage>>;
  const values = call.params as Readonly<Record<string, number>>;
  // Plain loops into an array of the right length: a call of a small tensor takes less than a microsecond in all.
  const args = new Array<number>(operands.length + dims.length + params.length);
  let next = 0;
  for (let i = 0; i < operands.length; i++) args[next++] = at(storages[operands[i] as string] as Storage);
  for (let i = 0; i < dims.length; i++) args[next++] = call.dims[dims[i] as string] as number;
  for (let i = 0; i < params.length; i++) args[next++] = values[params[i] as string] as number;
  return args;
}

/** Bytes of working memory that a thread needs for function `name`, as the module says; 0 where it says nothing. */
export function scratchBytes({ pool }: Threads, name: string, dims: readonly number[]): number {
  return (pool.exports[`${name}Scratch`] as KernelFunction | undefined)?.(...dims) ?? 0;
}

/** The entry of a kernel that runs by its plan. */
export function planned<K extends PlannedKernel>(threads: Threads, kernel: K): (call: KernelCall<K>) => void {
  const { pool } = threads;
  const { range, cost, step } = kernels[kernel].plan.wasm;
  const { operands, dims } = signatures.get(kernel) as Signature;
  const [firstDim, lastDim] = [operands.length, operands.length + dims.length];
  // Most need the same whatever the dims, which saves calls into the module.
  const varies = (pool.exports[`${kernel}Scratch`]?.length ?? 0) > 0;
  const fixed = varies ? 0 : scratchBytes(threads, kernel, []);
  return (call) => {
    const args = argumentsOf(kernel, call);
    const total = range(call.dims);
    const scratch = varies ? scratchBytes(threads, kernel, args.slice(firstDim, lastDim)) : fixed;
    pool.parallel(kernel, args, total, grainOf(threads, total, cost(call.dims), step), scratch);
  };
}

/** Waking a thread costs some microseconds: a chunk should hold at least this many simple operations (about 20 us). */
const CHUNK_OPERATIONS = 131_072;
/** Chunks a thread: more even out threads that the system interrupts, fewer cost less. */
const CHUNKS_A_THREAD = 4;
/** The event loop has its turns between chunks, so that none should take longer than some 20 ms. */
const LONG_CHUNK_OPERATIONS = 1000 * CHUNK_OPERATIONS;

/**
 * Elements of a chunk of [0, total): a few chunks a thread, but never less work than it takes to wake one, nor more than
 * signals can wait for; a multiple of `step`. `cost` is simple operations an element.
 */
export function grainOf({ pool }: Threads, total: number, cost: number, step = 1): number {
  const even = total / (pool.threads * CHUNKS_A_THREAD);
  const elements = Math.min(Math.max(even, CHUNK_OPERATIONS / cost), LONG_CHUNK_OPERATIONS / cost);
  return Math.ceil(elements / step) * step;
}

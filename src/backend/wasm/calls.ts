import { DisposedError } from '../../errors.js';
import type { LinearMemory } from '../../hardware/wasm/memory.js';
import type { ThreadPool } from '../../hardware/wasm/pool.js';
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import type { KernelCall, KernelTable, Storage } from '../backend.js';
import type { KernelName } from '../kernels/index.js';

/** Linear memory that a tensor stands on. */
export interface WasmStorage extends Storage {
  /** Byte offset; -1 once it is freed. */
  pointer: number;
}

/** What the kernel entries need of the device. */
export interface Threads {
  readonly pool: ThreadPool;
  readonly memory: LinearMemory;
}

/** Some entries of the kernel table. */
export type Entries<K extends KernelName> = Pick<KernelTable, K>;

/**
 * Where a storage lies.
 * @throws DisposedError after `free`
 */
export function at(storage: Storage): number {
  const { pointer, label } = storage as WasmStorage;
  if (pointer < 0) throw new DisposedError(`${label}: the storage was used after it was freed.`);
  return pointer;
}

type Sizes<Names extends readonly string[]> = { -readonly [I in keyof Names]: number };

/** Dims by name, in the order asked for. */
export function sizes<const Names extends readonly string[]>(
  call: Pick<KernelCall, 'dims'>,
  names: Names,
): Sizes<Names> {
  return names.map((name) => call.dims[name] as number) as Sizes<Names>;
}

/** Bytes of working memory that a thread needs, as the kernels' own module says. */
export function scratchBytes({ pool }: Threads, name: string, ...args: number[]): number {
  return (pool.exports[`${name}Scratch`] as KernelFunction)(...args);
}

/** Waking a thread costs some microseconds: a chunk should hold at least this many simple operations (about 20 us). */
const CHUNK_OPERATIONS = 131_072;
/** Chunks a thread: more even out threads that the system interrupts, fewer cost less. */
const CHUNKS_A_THREAD = 4;

/**
 * Elements of a chunk of [0, total): a few chunks a thread, but never less work than it takes to wake one; a multiple of
 * `step`. `cost` is simple operations an element.
 */
export function grainOf({ pool }: Threads, total: number, cost: number, step = 1): number {
  const even = total / (pool.threads * CHUNKS_A_THREAD);
  return Math.ceil(Math.max(even, CHUNK_OPERATIONS / cost) / step) * step;
}

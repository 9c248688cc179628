/**
 * The module of assembly/numbers/, which converts arrays of numbers where the host has them: on their way from a file to a
 * device and back. Numbers are copied into a block of memory, converted and copied out, a part of the array at a time, so
 * that the block stays in the processor's cache. The block is of the text module's memory (src/text/instance.ts): V8
 * reserves 10 GB of addresses for each memory.
 */
import bytes from '../build/numbers.wasm';
import { compileHere } from './compileHere.js';
import { type SharedMemory, sharedMemory } from './text/instance.js';

/** What assembly/numbers/index.ts exports. Addresses are bytes, counts elements. */
interface NumberExports {
  largest(from: number, count: number): number;
  largestHalf(from: number, count: number): number;
  scaleHalves(from: number, count: number, to: number, shift: number): void;
  widen(from: number, count: number, to: number): void;
  widenUpper(from: number, count: number, to: number): void;
  narrow(from: number, count: number, to: number, shift: number): void;
  roundRows(from: number, rows: number, cols: number, integers: number, scales: number): void;
  roundGroups(from: number, rows: number, cols: number, integers: number, scales: number, padded: number): void;
}

/** Elements that are converted together. */
export const PART = 1 << 15;
/** Bytes that are read after an array, and written after a result: whole vectors. */
const PADDING = 64;

interface Opened {
  readonly exports: NumberExports;
  readonly shared: SharedMemory;
  at: number;
  size: number;
}

let opened: Opened | undefined;

/** What calls of the module need: its functions, and arrays in a block, each with padding. They end with the next call. */
interface Block {
  readonly exports: NumberExports;
  readonly buffer: ArrayBuffer;
  /** Addresses, in bytes, of arrays that have at least as many bytes as were asked for. */
  readonly at: readonly number[];
}

/**
 * @param sizes bytes of each array
 * @throws LimitError when there is no room for them
 */
export function hostNumbers(...sizes: readonly number[]): Block {
  opened ??= open();
  const { shared, exports } = opened;
  const padded = sizes.map((size) => (size + PADDING + 15) & ~15);
  const size = padded.reduce((sum, one) => sum + one, 0);
  if (size > opened.size) {
    if (opened.size > 0) shared.free(opened.at);
    opened.size = 0;
    opened.at = shared.allocate('number formats', size);
    opened.size = size;
  }
  const at: number[] = [];
  let next = opened.at;
  for (const one of padded) {
    at.push(next);
    next += one;
  }
  return { exports, buffer: shared.memory.buffer as ArrayBuffer, at };
}

function open(): Opened {
  const shared = sharedMemory();
  const env = { memory: shared.memory };
  const module = compileHere(() => new WebAssembly.Module(bytes));
  const exports = new WebAssembly.Instance(module, { env }).exports as unknown as NumberExports;
  return { exports, shared, at: 0, size: 0 };
}

/** First and last index of each part of an array. */
export function* partsOf(length: number, part = PART): Generator<readonly [first: number, end: number]> {
  for (let first = 0; first < length; first += part) yield [first, Math.min(first + part, length)];
}

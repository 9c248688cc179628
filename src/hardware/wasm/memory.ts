/**
 * The allocator of the WebAssembly memory that kernels and threads share: blocks of whole cache lines in segregated
 * free lists.
 */
import { noAddresses } from '../../addressSpace.js';
import { formatBytes, LimitError } from '../../errors.js';

/** WebAssembly's page. */
const PAGE = 65536;
/** Cache lines: no two allocations share one, and vectors of 16 floats do not straddle two. */
const ALIGNMENT = 64;
/** The first bytes hold the kernels' constants; no allocation has pointer 0. */
const RESERVED = 4096;
/** Smaller steps would cost more calls than they save memory. */
const MIN_GROWTH = 16 * 1024 * 1024;
const INITIAL_PAGES = 64;
/** The range of 32-bit pointers. */
const ADDRESS_SPACE = 4 * 1024 * 1024 * 1024;

/** A stretch of memory, linked to its neighbours so that free ones can merge. */
interface Block {
  readonly start: number;
  size: number;
  free: boolean;
  previous: Block | undefined;
  next: Block | undefined;
}

/** One WebAssembly.Memory and who owns which part of it. All sizes in bytes. */
export interface LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Largest size that the memory can grow to. */
  readonly maxBytes: number;
  /** Bytes of all allocations, rounded up to cache lines. */
  readonly usedBytes: number;
  /**
   * 64-aligned memory with undefined contents.
   * @throws LimitError when the memory would outgrow `maxBytes` or the host gives no more.
   */
  allocate(byteLength: number, label: string): number;
  /** Gives back what `allocate` returned. */
  free(pointer: number): void;
}

/** Four bins a power of two: a block in a higher bin than a size's own always fits. */
function binOf(size: number): number {
  const exponent = 31 - Math.clz32(size);
  return exponent * 4 + ((size >>> (exponent - 2)) & 3);
}
const BINS = 33 * 4;

/** The largest memory that the host lets us reserve (browsers on phones give less than 4 GiB). */
function createMemory(shared: boolean, maxBytes: number): { memory: WebAssembly.Memory; maxBytes: number } {
  for (let maximum = Math.floor(maxBytes / PAGE); ; maximum = Math.floor(maximum / 2)) {
    const initial = Math.min(INITIAL_PAGES, maximum);
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum, shared }), maxBytes: maximum * PAGE };
    } catch (cause) {
      if (maximum <= INITIAL_PAGES) throw noAddresses('a WASM device', cause);
    }
  }
}

/** Segregated free lists with merging of free neighbours: allocate and free take constant time in practice. */
export function createLinearMemory(options: { shared: boolean; maxBytes?: number }): LinearMemory {
  const { memory, maxBytes } = createMemory(options.shared, options.maxBytes ?? ADDRESS_SPACE);
  const bins: Set<Block>[] = Array.from({ length: BINS }, () => new Set());
  const used = new Map<number, Block>();
  let usedBytes = 0;
  let last: Block | undefined;
  let end = RESERVED;

  const release = (block: Block) => {
    block.free = true;
    (bins[binOf(block.size)] as Set<Block>).add(block);
  };
  const take = (block: Block) => {
    block.free = false;
    (bins[binOf(block.size)] as Set<Block>).delete(block);
  };
  const find = (size: number): Block | undefined => {
    const own = binOf(size);
    for (const block of bins[own] as Set<Block>) if (block.size >= size) return block;
    for (let bin = own + 1; bin < BINS; bin++) for (const block of bins[bin] as Set<Block>) return block;
    return undefined;
  };
  /** Makes [end, newEnd) a free block, merged with a free last one. */
  const extend = (newEnd: number) => {
    if (last?.free) {
      take(last);
      last.size += newEnd - end;
    } else {
      const block: Block = { start: end, size: newEnd - end, free: false, previous: last, next: undefined };
      if (last) last.next = block;
      last = block;
    }
    end = newEnd;
    release(last);
  };
  const tryGrow = (bytes: number): boolean => {
    const pages = Math.ceil(bytes / PAGE);
    const before = memory.buffer.byteLength;
    if (before + pages * PAGE > maxBytes) return false;
    try {
      memory.grow(pages);
    } catch {
      return false;
    }
    extend(before + pages * PAGE);
    return true;
  };
  /** Grows until a block of `size` exists; false when that is not possible. */
  const grow = (size: number): boolean => {
    const needed = size - (last?.free ? last.size : 0);
    const generous = Math.max(needed, MIN_GROWTH, Math.floor(memory.buffer.byteLength / 4));
    return tryGrow(generous) || tryGrow(needed);
  };

  extend(memory.buffer.byteLength);
  return {
    memory,
    shared: options.shared,
    maxBytes,
    get usedBytes() {
      return usedBytes;
    },
    allocate(byteLength, label) {
      const size = Math.max(ALIGNMENT, Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT);
      let block = find(size);
      if (!block && grow(size)) block = find(size);
      if (!block) {
        throw new LimitError(
          `${label}: no room for ${formatBytes(byteLength)} in WebAssembly memory, ${formatBytes(usedBytes)} of ` +
            `${formatBytes(maxBytes)} are in use. Use a smaller batch, a shorter length or a smaller model.`,
          { found: byteLength, expected: maxBytes - usedBytes },
        );
      }
      take(block);
      if (block.size > size) {
        const rest: Block = {
          start: block.start + size,
          size: block.size - size,
          free: false,
          previous: block,
          next: block.next,
        };
        if (block.next) block.next.previous = rest;
        else last = rest;
        block.next = rest;
        block.size = size;
        release(rest);
      }
      used.set(block.start, block);
      usedBytes += block.size;
      return block.start;
    },
    free(pointer) {
      let block = used.get(pointer);
      if (!block) throw new RangeError(`free: ${pointer} is not the start of an allocation.`);
      used.delete(pointer);
      usedBytes -= block.size;
      const { previous, next } = block;
      if (previous?.free) {
        take(previous);
        previous.size += block.size;
        previous.next = next;
        if (next) next.previous = previous;
        else last = previous;
        block = previous;
      }
      if (next?.free) {
        take(next);
        block.size += next.size;
        block.next = next.next;
        if (next.next) next.next.previous = block;
        else last = block;
      }
      release(block);
    },
  };
}

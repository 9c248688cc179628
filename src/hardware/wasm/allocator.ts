/**
 * The allocator of the WebAssembly memory that kernels and threads share: whole cache lines, at the lowest place that is large
 * enough. It hands out numbers and never looks at what they point to: the same allocator plans a memory that is not there.
 */
import { formatBytes, LimitError } from '../../errors.js';

/** WebAssembly's page. */
export const PAGE = 65536;
/** Cache lines: no two allocations share one, and vectors of 16 floats do not straddle two. */
const ALIGNMENT = 64;
/** The first bytes hold the kernels' constants; no allocation has pointer 0. */
const RESERVED = 4096;
/**
 * Smaller steps would cost more than they save memory: V8 collects garbage with each, of some tens of milliseconds where
 * memory is not shared and has gigabytes.
 */
const MIN_GROWTH = 16 * 1024 * 1024;
/** Pages of a memory that is new. */
export const INITIAL_PAGES = 64;

/** A stretch of memory, linked to its neighbours so that free ones can merge. */
interface Block {
  readonly start: number;
  size: number;
  free: boolean;
  previous: Block | undefined;
  next: Block | undefined;
}

/** Who owns which part of a memory. All sizes in bytes. */
export interface Allocator {
  /** Largest size that the memory can grow to. */
  readonly maxBytes: number;
  /** Present size of the memory. */
  readonly heldBytes: number;
  /** Bytes of all allocations, rounded up to cache lines. */
  readonly usedBytes: number;
  /** The highest end that an allocation has had: so much memory was needed, gaps included. */
  readonly reachedBytes: number;
  /**
   * 64-aligned memory with undefined contents.
   * @throws LimitError when the memory would outgrow `maxBytes` or the host gives no more.
   */
  allocate(byteLength: number, label: string): number;
  /** Gives back what `allocate` returned. */
  free(pointer: number): void;
  /** Grows to so many bytes at once, where the host gives them. */
  reserve(byteLength: number): void;
}

/** A memory that grows by pages. */
interface Space {
  readonly maxBytes: number;
  /** At the beginning. */
  readonly byteLength: number;
  /** Adds pages; false where the host gives none. */
  grow(pages: number): boolean;
}

/**
 * The lowest free block that is large enough, and merging of free neighbours. So storages gather at the low end, what is
 * reached is little more than what is needed, and a run that is repeated finds the places that it found before. Free
 * blocks are few, as most work frees in the reverse order of allocating.
 */
export function createAllocator({ maxBytes, byteLength: initialBytes, grow: growSpace }: Space): Allocator {
  /** By their places. */
  const gaps: Block[] = [];
  const used = new Map<number, Block>();
  let usedBytes = 0;
  let reachedBytes = 0;
  let last: Block | undefined;
  let end = RESERVED;

  /** Where among the gaps the first one is that begins at `start` or after it. */
  const placeOf = (start: number): number => {
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((gaps[middle] as Block).start < start) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const release = (block: Block) => {
    block.free = true;
    gaps.splice(placeOf(block.start), 0, block);
  };
  const take = (block: Block) => {
    block.free = false;
    gaps.splice(placeOf(block.start), 1);
  };
  const find = (size: number): Block | undefined => gaps.find((gap) => gap.size >= size);
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
    const newEnd = end + pages * PAGE;
    if (newEnd > maxBytes || !growSpace(pages)) return false;
    extend(newEnd);
    return true;
  };
  /** Grows until a block of `size` exists, by all that is left where that is little; false when that is not possible. */
  const grow = (size: number): boolean => {
    const needed = size - (last?.free ? last.size : 0);
    const generous = Math.min(Math.max(MIN_GROWTH, Math.floor(end / 4)), maxBytes - end);
    return tryGrow(Math.max(needed, generous)) || tryGrow(needed);
  };

  extend(initialBytes);
  return {
    maxBytes,
    get heldBytes() {
      return end;
    },
    get usedBytes() {
      return usedBytes;
    },
    get reachedBytes() {
      return reachedBytes;
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
      reachedBytes = Math.max(reachedBytes, block.start + block.size);
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
    reserve(byteLength) {
      if (byteLength > end) tryGrow(Math.min(byteLength, maxBytes) - end);
    },
  };
}

/** An allocator of a memory that is not there and has no end: what it reaches is what a real one would need. */
export const createPlannedMemory = (): Allocator =>
  createAllocator({ maxBytes: Number.POSITIVE_INFINITY, byteLength: INITIAL_PAGES * PAGE, grow: () => true });

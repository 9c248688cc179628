/*
 * The blocks of an object. Every object is an instance of this module: its globals are its state. All instances of a
 * thread have one WebAssembly.Memory together, because V8 reserves 10 GB of addresses for each memory. One instance more,
 * the heap, holds no object: it runs AssemblyScript's allocator, and src/text/wasm.ts passes its blocks on to the others.
 *
 *   block: | next (4) | previous (4) | size (4) | seal (4) | payload (size) | seal (4) |
 *
 * An object chains its blocks, so that all of them are freed with it, whatever it was doing. The seals are made of the
 * block's address: a write beyond a block's ends breaks one, which `free` and `intact` see.
 *
 * Two rules hold for all other files of this folder (a test looks for both):
 *   - `alloc` and `free` of this file, never AssemblyScript's own `heap` or `new`;
 *   - `memory.data` is shared by all objects, and written anew with each instance: constants, and work space that is not
 *     needed after the call. State is in globals and in blocks.
 *
 * A failed `alloc` ends the object: src/text/wasm.ts frees it and throws. No code here need survive that.
 */

/** A block of the memory that all share. Throws when there is none. */
// @ts-ignore: decorator
@external('heap', 'allocate')
declare function allocateShared(size: u32): usize;
// @ts-ignore: decorator
@external('heap', 'free')
declare function freeShared(at: usize): void;

const HEADER: usize = 16;
const FOOTER: usize = 4;

/** The lists of free blocks of 512 MiB and more are this far apart. */
const CLASS: u32 = 1 << 25;
const LEAST_UNROUNDED: u32 = (1 << 29) - 64;
/** Bytes of the largest block that `heapAllocate` can give. src/text/wasm.ts has the number too. */
export const LARGEST: u64 = 31 * CLASS - 64;
/** More than any size: `allocateShared` refuses it by its words for a block that is too large. */
const TOO_LARGE: u32 = u32.MAX_VALUE;

/** The newest block. */
let newest: usize = 0;

// @ts-ignore: decorator
@inline function sealOf(block: usize): u32 {
  return <u32>block ^ 0x5ea1ed00;
}

function isSealed(block: usize): bool {
  if (load<u32>(block, 12) != sealOf(block)) return false;
  return load<u32>(block + HEADER + load<u32>(block, 8)) == sealOf(block);
}

/** 16-aligned memory of `size` bytes with any contents. The size has 64 bits, so that no product of two sizes wraps. */
export function alloc(size: u64): usize {
  const block = allocateShared(size > LARGEST ? TOO_LARGE : <u32>(size + HEADER + FOOTER));
  store<u32>(block, <u32>newest);
  store<u32>(block, 0, 4);
  store<u32>(block, <u32>size, 8);
  store<u32>(block, sealOf(block), 12);
  store<u32>(block + HEADER + <usize>size, sealOf(block));
  if (newest) store<u32>(newest, <u32>block, 4);
  newest = block;
  return block + HEADER;
}

/** Frees what `alloc` gave. Traps when its seals are broken, or it was freed before. */
export function free(at: usize): void {
  const block = at - HEADER;
  if (!isSealed(block)) unreachable();
  const next: usize = load<u32>(block);
  const previous: usize = load<u32>(block, 4);
  if (next) store<u32>(next, <u32>previous, 4);
  if (previous) store<u32>(previous, <u32>next);
  else newest = next;
  store<u32>(block, 0, 12);
  freeShared(block);
}

/** Frees all blocks. The object must not be used afterwards. */
export function freeAll(): void {
  while (newest) free(newest + HEADER);
}

/** Whether nothing has been written beyond the ends of a block. */
export function intact(): bool {
  for (let block = newest; block; block = load<u32>(block)) if (!isSealed(block)) return false;
  return true;
}

/**
 * The allocator, for the instance that is the heap. It looks for a block of 512 MiB or more in the list of blocks of
 * about that size, and takes the first of them though it may be smaller. The size at which a list begins is safe.
 */
export function heapAllocate(size: u32): usize {
  if (size < LEAST_UNROUNDED) return heap.alloc(size);
  const begin = (size - 12 + CLASS - 1) & ~(CLASS - 1);
  return heap.alloc(begin + 12); // the sizes that the allocator gives are 12 more than a multiple of 16
}
export function heapFree(at: usize): void {
  heap.free(at);
}

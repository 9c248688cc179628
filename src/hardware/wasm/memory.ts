/** The WebAssembly memory that kernels and threads share, and its allocator. */
import { noAddresses } from '../../addressSpace.js';
import { type Allocator, createAllocator, INITIAL_PAGES, PAGE } from './allocator.js';

/** The range of 32-bit pointers. */
const ADDRESS_SPACE = 4 * 1024 * 1024 * 1024;

/** One WebAssembly.Memory and who owns which part of it. */
export interface LinearMemory extends Allocator {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
}

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

/** A memory that grows as its allocations need it. */
export function createLinearMemory(options: { shared: boolean; maxBytes?: number }): LinearMemory {
  const { memory, maxBytes } = createMemory(options.shared, options.maxBytes ?? ADDRESS_SPACE);
  const grow = (pages: number): boolean => {
    try {
      memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  };
  const allocator = createAllocator({ maxBytes, byteLength: memory.buffer.byteLength, grow });
  return Object.defineProperties(allocator, {
    memory: { value: memory, enumerable: true },
    shared: { value: options.shared, enumerable: true },
  }) as LinearMemory;
}

/** What the host does with the contents of storages; and the same where there are none, in memory that is only planned. */
import { OptionError } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import type { LinearMemory } from '../../hardware/wasm/memory.js';
import type { Device, Storage } from '../backend.js';
import { bytesPerEntry, hostArrays } from '../kernels/index.js';
import { at, type WasmStorage } from './calls.js';
import { readPanels } from './panels.js';

export type Contents = Pick<Device, 'write' | 'copy' | 'clear' | 'read'>;

export function contentsOf({ memory }: LinearMemory): Contents {
  const bytes = (pointer: number, byteLength: number) => new Uint8Array(memory.buffer, pointer, byteLength);
  const checkRange = (storage: Storage, byteOffset: number, byteLength: number) => {
    if (byteOffset >= 0 && byteOffset + byteLength <= storage.byteLength) return;
    throw new OptionError(
      `${storage.label}: bytes ${byteOffset} to ${byteOffset + byteLength} are not in its ${storage.byteLength} bytes.`,
      { found: byteOffset + byteLength, expected: storage.byteLength },
    );
  };
  const inside = (storage: Storage, byteOffset: number, byteLength: number) => {
    checkRange(storage, byteOffset, byteLength);
    return bytes(at(storage) + byteOffset, byteLength);
  };
  /** A copy of bytes for the host. */
  const copyOf = (storage: Storage, byteOffset: number, byteLength: number): ArrayBuffer => {
    if (!(storage as WasmStorage).restore) return inside(storage, byteOffset, byteLength).slice().buffer;
    checkRange(storage, byteOffset, byteLength);
    return readPanels(memory.buffer, storage as WasmStorage).buffer.slice(byteOffset, byteOffset + byteLength);
  };
  return {
    write(storage, data, byteOffset = 0) {
      inside(storage, byteOffset, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    },
    copy(from, fromByteOffset, to, toByteOffset, byteLength) {
      // Putting panels back may grow the memory, and a view of it from before is empty then.
      at(from);
      at(to);
      inside(to, toByteOffset, byteLength).set(inside(from, fromByteOffset, byteLength));
    },
    clear(storage) {
      bytes(at(storage), storage.byteLength).fill(0);
    },
    async read(storage, dtype, byteOffset = 0, entries = (storage.byteLength - byteOffset) / bytesPerEntry(dtype)) {
      const copy = copyOf(storage, byteOffset, bytesPerEntry(dtype) * entries);
      await giveTurn();
      return new hostArrays[dtype](copy);
    },
  };
}

/** Nothing is stored, and what is read is zeros; panels are put back as they would be. */
export const noContents: Contents = {
  write(storage) {
    at(storage);
  },
  copy(from, _, to) {
    at(from);
    at(to);
  },
  clear(storage) {
    at(storage);
  },
  async read(storage, dtype, byteOffset = 0, entries = (storage.byteLength - byteOffset) / bytesPerEntry(dtype)) {
    return new hostArrays[dtype](entries);
  },
};

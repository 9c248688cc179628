/** What the host does with the contents of storages; and the same where there are none, in memory that is only planned. */
import { OptionError } from '../../errors.js';
import type { LinearMemory } from '../../hardware/wasm/memory.js';
import type { Work, WorkQueue } from '../../hardware/wasm/workQueue.js';
import type { Device, Storage } from '../backend.js';
import { bytesPerEntry, hostArrays } from '../kernels/index.js';
import { at, type WasmStorage } from './calls.js';
import { readPanels } from './panels.js';

export type Contents = Pick<Device, 'write' | 'copy' | 'clear' | 'read'>;

/** Bytes that are copied at a time: some milliseconds. */
const PIECE = 16 * 2 ** 20;

/** Work on so many bytes, a piece at a time. */
function inPieces(byteLength: number, work: (begin: number, end: number) => void): Work {
  let begin = 0;
  return (until) => {
    do {
      const end = Math.min(begin + PIECE, byteLength);
      work(begin, end);
      begin = end;
    } while (begin < byteLength && performance.now() < until);
    return begin === byteLength;
  };
}

export function contentsOf({ memory }: LinearMemory, queue: WorkQueue): Contents {
  const bytes = (pointer: number, byteLength: number) => new Uint8Array(memory.buffer, pointer, byteLength);
  const checkRange = (storage: Storage, byteOffset: number, byteLength: number) => {
    if (byteOffset >= 0 && byteOffset + byteLength <= storage.byteLength) return;
    throw new OptionError(
      `${storage.label}: bytes ${byteOffset} to ${byteOffset + byteLength} are not in its ${storage.byteLength} bytes.`,
      { found: byteOffset + byteLength, expected: storage.byteLength },
    );
  };
  /** Where they are. Calls before this one may still be under way, but none of them moves a storage. */
  const inside = (storage: Storage, byteOffset: number, byteLength: number): number => {
    checkRange(storage, byteOffset, byteLength);
    return at(storage) + byteOffset;
  };
  /** Queues a copy of bytes for the host. */
  const copyOf = (
    storage: Storage,
    byteOffset: number,
    byteLength: number,
  ): { readonly bytes: Uint8Array<ArrayBuffer> } => {
    const copy = { bytes: new Uint8Array(0) };
    if ((storage as WasmStorage).restore) {
      checkRange(storage, byteOffset, byteLength);
      const { pointer, arrangement } = storage as WasmStorage;
      queue.inOrder(() => {
        const { buffer } = readPanels(memory.buffer, { pointer, arrangement });
        copy.bytes = new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
      });
      return copy;
    }
    const from = inside(storage, byteOffset, byteLength);
    copy.bytes = new Uint8Array(byteLength);
    queue.do(inPieces(byteLength, (begin, end) => copy.bytes.set(bytes(from + begin, end - begin), begin)));
    return copy;
  };
  return {
    write(storage, data, byteOffset = 0) {
      const to = inside(storage, byteOffset, data.byteLength);
      const given = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      // The caller may change it afterwards.
      const taken = queue.isEmpty ? given : given.slice();
      queue.inOrder(() => bytes(to, taken.byteLength).set(taken));
    },
    copy(from, fromByteOffset, to, toByteOffset, byteLength) {
      // Putting the panels of one back does not move the other.
      const source = inside(from, fromByteOffset, byteLength);
      const target = inside(to, toByteOffset, byteLength);
      queue.do(
        inPieces(byteLength, (begin, end) =>
          bytes(target + begin, end - begin).set(bytes(source + begin, end - begin)),
        ),
      );
    },
    clear(storage) {
      const { byteLength } = storage;
      const start = at(storage);
      queue.do(inPieces(byteLength, (begin, end) => bytes(start + begin, end - begin).fill(0)));
    },
    async read(storage, dtype, byteOffset = 0, entries = (storage.byteLength - byteOffset) / bytesPerEntry(dtype)) {
      const copy = copyOf(storage, byteOffset, bytesPerEntry(dtype) * entries);
      await queue.done();
      return new hostArrays[dtype](copy.bytes.buffer);
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

/**
 * The device that computes in WebAssembly: storages are blocks of linear memory, and calls are done when they return.
 */
import { DisposedError, OptionError } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import type { Device, KernelCall, KernelObserver, Storage } from '../backend.js';
import { bytesPerElement, hostArrays, type KernelName } from '../kernels/index.js';
import { at, type Threads, type WasmStorage } from './calls.js';
import type { WasmArithmetic } from './compile.js';
import { readPanels } from './panels.js';
import { createTable } from './table.js';

/** A device on open threads. Calls are done when they return, so nothing is ever queued. */
export function createDevice(
  threads: Threads,
  how: { revectorized: boolean; arithmetic: WasmArithmetic; plainBecause?: string },
): Device {
  const { memory, pool } = threads;
  const { revectorized, arithmetic } = how;
  const table = createTable(threads);
  const live = new Set<WasmStorage>();
  let liveBytes = 0;
  let peakBytes = 0;
  let observer: KernelObserver | undefined;
  let disposed = false;
  const bytes = (pointer: number, byteLength: number) => new Uint8Array(memory.memory.buffer, pointer, byteLength);
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
    return readPanels(threads, storage as WasmStorage).buffer.slice(byteOffset, byteOffset + byteLength);
  };
  const forget = (storage: WasmStorage) => {
    storage.pointer = -1;
    storage.arrangement = undefined;
    storage.restore = undefined;
  };
  const count = pool.threads;
  return {
    info: {
      kind: 'wasm',
      description:
        `WASM SIMD, ${count} thread${count === 1 ? '' : 's'}, ` +
        `${revectorized ? 256 : 128}-bit, ${arithmetic} arithmetic`,
      maxStorageBytes: memory.maxBytes,
      preferredRows: (pool.exports.gemmRows as KernelFunction)(),
      threads: count,
      ...how,
      software: false,
    },
    allocate(byteLength, label) {
      if (disposed) throw new DisposedError(`wasm: ${label}: the device was used after it was disposed.`);
      const storage: WasmStorage = { byteLength, label, pointer: memory.allocate(byteLength, label) };
      live.add(storage);
      liveBytes += byteLength;
      peakBytes = Math.max(peakBytes, liveBytes);
      return storage;
    },
    free(storage) {
      const own = storage as WasmStorage;
      if (!live.delete(own)) return;
      memory.free(own.pointer);
      forget(own);
      liveBytes -= own.byteLength;
    },
    arrange(storage, [k, n]) {
      const own = storage as WasmStorage;
      const { arrangement } = own;
      if (arrangement?.k === k && arrangement.n === n) return;
      at(own);
      const expected = 4 * k * n;
      if (own.byteLength !== expected) {
        throw new OptionError(
          `${own.label}: its ${own.byteLength} bytes are no f32 matrix [${k}, ${n}], which has ${expected}.`,
          { found: own.byteLength, expected },
        );
      }
      own.arrangement = { k, n };
    },
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
    async read(storage, dtype, byteOffset = 0, elements = (storage.byteLength - byteOffset) / bytesPerElement(dtype)) {
      const copy = copyOf(storage, byteOffset, bytesPerElement(dtype) * elements);
      await giveTurn();
      return new hostArrays[dtype](copy);
    },
    run<K extends KernelName>(kernel: K, call: KernelCall<K>) {
      const ran = observer?.(kernel, call);
      const begin = performance.now();
      table[kernel](call);
      ran?.(begin, performance.now());
    },
    observe(next) {
      observer = next;
    },
    submit() {},
    async finish() {},
    memory: () => ({
      liveBytes,
      peakBytes,
      heldBytes: memory.memory.buffer.byteLength,
      liveStorages: live.size,
    }),
    async dispose() {
      disposed = true;
      for (const storage of live) forget(storage);
      live.clear();
      liveBytes = 0;
      await pool.dispose();
    },
  };
}

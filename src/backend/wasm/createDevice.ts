/**
 * The device that computes in WebAssembly: storages are blocks of linear memory. Calls are done when they return, or in the
 * next turns of the event loop where that would take too long.
 */
import { counted, DisposedError, OptionError } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import { createPlannedMemory } from '../../hardware/wasm/allocator.js';
import { createIdlePool } from '../../hardware/wasm/idlePool.js';
import type { LinearMemory } from '../../hardware/wasm/memory.js';
import type { OpenPool } from '../../hardware/wasm/pool.js';
import type { KernelFunction } from '../../hardware/wasm/protocol.js';
import { queuedPool } from '../../hardware/wasm/queuedPool.js';
import { createWorkQueue, type WorkQueue } from '../../hardware/wasm/workQueue.js';
import type { Device, DeviceInfo, KernelCall, KernelObserver, Storage } from '../backend.js';
import type { KernelName } from '../kernels/index.js';
import type { AdoptingDevice } from '../recovery.js';
import { at, type Threads, type WasmStorage } from './calls.js';
import { type Contents, contentsOf, noContents } from './contents.js';
import type { WasmArithmetic } from './kernelFiles.js';
import { createTable } from './table.js';

/** Threads over a memory. Their calls are done when they return. */
export interface OpenThreads extends Threads {
  readonly memory: LinearMemory;
  readonly pool: OpenPool;
}

/** A device on open threads. */
export function createDevice(
  threads: OpenThreads,
  how: { revectorized: boolean; arithmetic: WasmArithmetic } & Pick<
    DeviceInfo,
    'noGPUBecause' | 'oneThreadBecause' | 'plainBecause'
  >,
): AdoptingDevice {
  const { memory, pool } = threads;
  const { threads: count } = pool;
  const vectors = how.revectorized ? 256 : 128;
  const info: DeviceInfo = {
    kind: 'wasm',
    description: `WASM SIMD, ${counted(count, 'thread')}, ${vectors}-bit, ${how.arithmetic} arithmetic`,
    maxStorageBytes: memory.maxBytes,
    preferredRows: (pool.exports.gemmRows as KernelFunction)(),
    // 192 rows of GPT-2's vocabulary: at 2048 rows both chunks take less than a tenth of both logits, in the time of the
    // whole.
    preferredLogitsBytes: 37 * 2 ** 20,
    threads: count,
    ...how,
    software: false,
  };
  const queue = createWorkQueue();
  return deviceOn({ memory, pool: queuedPool(pool, queue) }, { info, contents: contentsOf(memory, queue), queue });
}

/** The same device on a memory that is only planned. */
function createMeta({ pool }: Threads, info: DeviceInfo): Device {
  const memory = createPlannedMemory();
  const parts = { info, contents: noContents, queue: createWorkQueue(), isMeta: true };
  return deviceOn({ memory, pool: createIdlePool(pool, memory) }, parts);
}

/** What a device is made of besides its threads. */
interface Parts {
  readonly info: DeviceInfo;
  readonly contents: Contents;
  readonly queue: WorkQueue;
  readonly isMeta?: boolean;
}

function deviceOn(threads: Threads, { info, contents, queue, isMeta = false }: Parts): AdoptingDevice {
  const { memory, pool } = threads;
  const table = createTable(threads);
  const live = new Set<WasmStorage>();
  let liveBytes = 0;
  let peakBytes = 0;
  let observer: KernelObserver | undefined;
  let disposed = false;
  const forget = (storage: WasmStorage) => {
    storage.pointer = -1;
    storage.arrangement = undefined;
    storage.restore = undefined;
  };
  const adopt = (storage: Storage) => {
    const own = storage as WasmStorage;
    own.pointer = memory.allocate(own.byteLength, own.label);
    live.add(own);
    liveBytes += own.byteLength;
    peakBytes = Math.max(peakBytes, liveBytes);
  };
  return {
    info,
    isMeta,
    meta: () => createMeta(threads, info),
    allocate(byteLength, label) {
      if (disposed) throw new DisposedError(`wasm: ${label}: the device was used after it was disposed.`);
      const storage: WasmStorage = { byteLength, label, pointer: -1 };
      adopt(storage);
      return storage;
    },
    adopt,
    free(storage) {
      const own = storage as WasmStorage;
      if (!live.delete(own)) return;
      memory.free(own.pointer);
      forget(own);
      liveBytes -= own.byteLength;
    },
    reserve: (byteLength) => memory.reserve(byteLength),
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
    ...contents,
    run<K extends KernelName>(kernel: K, call: KernelCall<K>) {
      const ran = observer?.(kernel, call);
      if (!ran) return table[kernel](call);
      let begin = 0;
      queue.inOrder(() => {
        begin = performance.now();
      });
      table[kernel](call);
      queue.inOrder(() => ran(begin, performance.now()));
    },
    observe(next) {
      observer = next;
    },
    submit() {},
    async drain() {
      await queue.done();
      await giveTurn();
    },
    finish: () => queue.done(),
    memory: () => ({
      liveBytes,
      peakBytes,
      heldBytes: memory.heldBytes,
      reachedBytes: memory.reachedBytes,
      liveStorages: live.size,
    }),
    async dispose() {
      disposed = true;
      for (const storage of live) forget(storage);
      live.clear();
      liveBytes = 0;
      queue.end(new DisposedError('wasm: the device was disposed of while it was at work.'));
      await pool.dispose();
    },
  };
}

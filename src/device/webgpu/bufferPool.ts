import { formatBytes, LimitError } from '../../errors.js';
import { usage } from './usage.js';

/** A buffer of the pool. */
export interface PooledBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Bytes of the size class; at least what was asked for. */
  readonly capacity: number;
  /** The last batch of commands that mentions it (see CommandQueue). */
  lastBatch: number;
}

export interface BufferPool {
  /** @throws LimitError when `byteLength` exceeds the device's largest buffer. */
  acquire(byteLength: number, label: string): PooledBuffer;
  release(buffer: PooledBuffer): void;
  /**
   * Destroys idle buffers, longest unused first, when they hold more than is live and more than `idleBytesAllowed`;
   * says whether it did. Call it when no command that is not yet submitted mentions an idle buffer.
   */
  trim(): boolean;
  memory(): { liveBytes: number; peakBytes: number; liveStorages: number };
  /** Buffers made so far, and those that wait to be used again. */
  counts(): { created: number; idle: number };
  dispose(): void;
}

/**
 * Bytes of the class that serves `byteLength`: four classes between two powers of two, so that at most a fifth of a
 * buffer is idle, and sizes that differ a little from step to step meet in one class.
 */
export function sizeClass(byteLength: number, largest: number): number {
  const least = Math.max(256, byteLength);
  const step = Math.max(256, 2 ** Math.floor(Math.log2(least)) / 4);
  return Math.min(Math.ceil(least / step) * step, largest);
}

/**
 * Storage buffers by size class, used again once released. Work runs in the order in which it was queued, so a
 * released buffer may be handed out at once: its next user comes after its last one.
 */
export function createBufferPool(device: GPUDevice, idleBytesAllowed = 256 * 2 ** 20): BufferPool {
  const largest = Math.floor(device.limits.maxBufferSize / 4) * 4;
  // A set keeps the order of insertion: the first is the longest unused.
  const idle = new Map<number, PooledBuffer[]>();
  const idleInOrder = new Set<PooledBuffer>();
  const all = new Set<PooledBuffer>();
  let created = 0;
  let idleBytes = 0;
  let liveBytes = 0;
  let peakBytes = 0;
  let liveStorages = 0;
  return {
    acquire(byteLength, label) {
      if (byteLength > largest) {
        throw new LimitError(
          `webgpu: '${label}' needs ${formatBytes(byteLength)}, this adapter allows ${formatBytes(largest)} a buffer. ` +
            "Use smaller batches or a smaller model, or the 'wasm' device.",
          { found: byteLength, expected: largest },
        );
      }
      const capacity = sizeClass(byteLength, largest);
      let buffer = idle.get(capacity)?.pop();
      if (buffer) {
        idleInOrder.delete(buffer);
        idleBytes -= capacity;
      } else {
        const bits = usage.storage | usage.copySource | usage.copyDestination;
        buffer = {
          id: created++,
          gpu: device.createBuffer({ label, size: capacity, usage: bits }),
          capacity,
          lastBatch: -1,
        };
        all.add(buffer);
      }
      buffer.gpu.label = label;
      liveStorages++;
      liveBytes += capacity;
      peakBytes = Math.max(peakBytes, liveBytes);
      return buffer;
    },
    release(buffer) {
      liveStorages--;
      liveBytes -= buffer.capacity;
      idleBytes += buffer.capacity;
      idleInOrder.add(buffer);
      const list = idle.get(buffer.capacity);
      if (list) list.push(buffer);
      else idle.set(buffer.capacity, [buffer]);
    },
    trim() {
      const allowed = Math.max(idleBytesAllowed, liveBytes);
      if (idleBytes <= allowed) return false;
      for (const buffer of idleInOrder) {
        if (idleBytes <= allowed / 2) break;
        const list = idle.get(buffer.capacity) as PooledBuffer[];
        list.splice(list.indexOf(buffer), 1);
        idleInOrder.delete(buffer);
        all.delete(buffer);
        idleBytes -= buffer.capacity;
        buffer.gpu.destroy();
      }
      return true;
    },
    memory: () => ({ liveBytes, peakBytes, liveStorages }),
    counts: () => ({ created, idle: idleInOrder.size }),
    dispose() {
      for (const buffer of all) buffer.gpu.destroy();
      all.clear();
      idle.clear();
      idleInOrder.clear();
      idleBytes = 0;
      liveBytes = 0;
      liveStorages = 0;
    },
  };
}

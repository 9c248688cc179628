/**
 * Buffers by size class, used again: a training step allocates the same sizes as the step before. Making a buffer costs a
 * GPU's driver 0.3 ms, so what a step needs at its height stays between steps.
 */
import { formatBothBytes, LimitError } from '../../errors.js';
import { usage } from './usage.js';

/** A buffer of the pool. */
export interface PooledBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Bytes of the size class; at least what was asked for. */
  readonly capacity: number;
  /** The last batch of commands that mentions it (see CommandQueue). */
  lastBatch: number;
  /** There was no memory for it: it is never used again. */
  isHollow: boolean;
}

export interface BufferPool {
  /** @throws LimitError when `byteLength` exceeds the device's largest buffer. */
  acquire(byteLength: number, label: string): PooledBuffer;
  release(buffer: PooledBuffer): void;
  /**
   * Destroys idle buffers, longest unused first, when all buffers hold more than was lately live at once and some, and
   * more than `idleBytesAllowed` beside what is live; all of them after a buffer for which there was no memory. Says
   * whether it did. Call it when no command that is not yet submitted mentions an idle buffer.
   */
  trim(): boolean;
  /** Bytes handed out, the most there ever were, bytes of all buffers, idle ones included, and the most of these. */
  memory(): {
    liveBytes: number;
    peakBytes: number;
    heldBytes: number;
    reachedBytes: number;
    liveStorages: number;
  };
  /** Buffers made so far, and idle ones. */
  counts(): { created: number; idle: number };
  /** Resolves when it is known of all buffers whether there is memory for them. */
  settle(): Promise<void>;
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

/** What may be held for each byte of the late peak: buffers of classes that are not live together make the difference. */
const heldForPeak = 1.25;
/** The late peak sinks by this share a call of trim(), which comes with each submission: a step has tens of them. */
const peakFades = 1 / 1024;

/** What a pool needs of a device. */
type BufferMaker = Pick<GPUDevice, 'limits' | 'createBuffer' | 'pushErrorScope' | 'popErrorScope'>;

/** What a pool does about memory. */
interface PoolOptions {
  /** Bytes of idle buffers that stay in any case. */
  readonly idleBytesAllowed?: number;
  /** Called when the GPU had no memory for a buffer, some time after `acquire` has returned it. */
  readonly onNoMemory?: (why: string) => void;
}

/**
 * Storage buffers by size class, used again once released. Work runs in the order in which it was queued, so a
 * released buffer may be handed out at once: its next use is queued after its last one. Of the buffers that fit, the
 * oldest is taken: steps that ask for the same sizes in the same order get the same buffers, so that their bind groups
 * are found again, and surplus buffers stay idle until trim().
 */
export function createBufferPool(
  device: BufferMaker,
  { idleBytesAllowed = 256 * 2 ** 20, onNoMemory = () => {} }: PoolOptions = {},
): BufferPool {
  const largest = Math.floor(device.limits.maxBufferSize / 4) * 4;
  /** By size class; the buffer made first comes last. */
  const idle = new Map<number, PooledBuffer[]>();
  // A set keeps the order of insertion: the first is the longest unused.
  const idleInOrder = new Set<PooledBuffer>();
  const all = new Set<PooledBuffer>();
  let created = 0;
  let heldBytes = 0;
  let reachedBytes = 0;
  let liveBytes = 0;
  let peakBytes = 0;
  let latePeakBytes = 0;
  let liveStorages = 0;
  /** Answers that are still to come whether there was memory for a buffer. */
  const unknown = new Set<Promise<void>>();
  /** There was no memory for a buffer: idle ones must not hold any. */
  let isShort = false;
  const destroy = (buffer: PooledBuffer) => {
    all.delete(buffer);
    heldBytes -= buffer.capacity;
    buffer.gpu.destroy();
  };
  /** Destroys an idle buffer. */
  const drop = (buffer: PooledBuffer) => {
    const list = idle.get(buffer.capacity) as PooledBuffer[];
    list.splice(list.indexOf(buffer), 1);
    idleInOrder.delete(buffer);
    destroy(buffer);
  };
  /** A buffer; whether there is memory for it is known later. */
  const make = (label: string, capacity: number): PooledBuffer => {
    const bits = usage.storage | usage.copySource | usage.copyDestination;
    device.pushErrorScope('out-of-memory');
    const gpu = device.createBuffer({ label, size: capacity, usage: bits });
    const buffer = { id: created++, gpu, capacity, lastBatch: -1, isHollow: false };
    const known = device.popErrorScope().then(
      (error) => {
        if (!error) return;
        buffer.isHollow = true;
        isShort = true;
        if (idleInOrder.has(buffer)) drop(buffer);
        onNoMemory(error.message);
      },
      // The device was lost, which is told elsewhere.
      () => {},
    );
    unknown.add(known);
    void known.then(() => unknown.delete(known));
    all.add(buffer);
    heldBytes += capacity;
    reachedBytes = Math.max(reachedBytes, heldBytes);
    return buffer;
  };
  return {
    acquire(byteLength, label) {
      if (byteLength > largest) {
        const [needed, allowed] = formatBothBytes(byteLength, largest);
        throw new LimitError(
          `webgpu: '${label}' needs ${needed}, this adapter allows ${allowed} a buffer. ` +
            "Use smaller batches or a smaller model, or the 'wasm' device.",
          { found: byteLength, expected: largest },
        );
      }
      const capacity = sizeClass(byteLength, largest);
      let buffer = idle.get(capacity)?.pop();
      if (buffer) {
        idleInOrder.delete(buffer);
      } else buffer = make(label, capacity);
      buffer.gpu.label = label;
      liveStorages++;
      liveBytes += capacity;
      peakBytes = Math.max(peakBytes, liveBytes);
      latePeakBytes = Math.max(latePeakBytes, liveBytes);
      return buffer;
    },
    release(buffer) {
      liveStorages--;
      liveBytes -= buffer.capacity;
      if (buffer.isHollow) return destroy(buffer);
      idleInOrder.add(buffer);
      const list = idle.get(buffer.capacity);
      if (list) insert(list, buffer);
      else idle.set(buffer.capacity, [buffer]);
    },
    trim() {
      latePeakBytes = Math.max(liveBytes, latePeakBytes * (1 - peakFades));
      const allowed = Math.max(liveBytes + idleBytesAllowed, heldForPeak * latePeakBytes);
      if (heldBytes <= allowed && !isShort) return false;
      const kept = isShort ? liveBytes : Math.max(liveBytes + idleBytesAllowed / 2, latePeakBytes);
      isShort = false;
      for (const buffer of idleInOrder) {
        if (heldBytes <= kept) break;
        drop(buffer);
      }
      return true;
    },
    memory: () => ({ liveBytes, peakBytes, heldBytes, reachedBytes, liveStorages }),
    counts: () => ({ created, idle: idleInOrder.size }),
    async settle() {
      if (unknown.size > 0) await Promise.all(unknown);
    },
    dispose() {
      for (const buffer of all) buffer.gpu.destroy();
      all.clear();
      idle.clear();
      idleInOrder.clear();
      heldBytes = 0;
      liveBytes = 0;
      liveStorages = 0;
    },
  };
}

/** Keeps `list` in descending order of ids. */
function insert(list: PooledBuffer[], buffer: PooledBuffer): void {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as PooledBuffer).id > buffer.id) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, buffer);
}

/** Buffers that are sizes alone, within the limits of a device: a pool of them counts what real ones would take. */
export const plannedBuffers = ({ limits }: Pick<GPUDevice, 'limits'>): BufferMaker => ({
  limits,
  pushErrorScope() {},
  popErrorScope: async () => null,
  createBuffer: ({ label = '', size }) => ({ label, size, destroy() {} }) as GPUBuffer,
});

/** Times of compute passes by timestamp queries, on the clock of the host. */
import { mapModeRead, usage } from './usage.js';

/** Called with the begin and end of a dispatch, in milliseconds as `performance.now()`. */
export type TimeListener = (begin: number, end: number) => void;

/** Times of compute passes on the GPU's own clock, by timestamp queries. Nothing waits for them. */
export interface Timestamps {
  /** Timestamp writes for the next pass, whose times `listener` will get. At most `passesPerBatch` a batch. */
  next(listener: TimeListener): GPUComputePassTimestampWrites;
  /** Ends the batch that `encoder` holds. Call what it returns once the batch has been submitted. */
  resolve(encoder: GPUCommandEncoder): () => void;
  /** Resolves when the times of all submitted batches have been reported. */
  settle(): Promise<void>;
  dispose(): void;
}

/** Queries hold 64-bit nanoseconds. */
const queryBytes = 8;

export function createTimestamps(device: GPUDevice, passesPerBatch: number): Timestamps {
  const byteLength = 2 * passesPerBatch * queryBytes;
  const querySet = device.createQuerySet({ label: 'pass times', type: 'timestamp', count: 2 * passesPerBatch });
  const resolved = device.createBuffer({
    label: 'pass times',
    size: byteLength,
    usage: usage.queryResolve | usage.copySource,
  });
  const readBuffers: GPUBuffer[] = [];
  const idle: GPUBuffer[] = [];
  const pending = new Set<Promise<void>>();
  let listeners: TimeListener[] = [];
  /** Milliseconds from the GPU's zero to the host's. The first batch is taken to begin when it is submitted. */
  let offset: number | undefined;

  const deliver = async (buffer: GPUBuffer, told: readonly TimeListener[], submittedAt: number) => {
    try {
      await buffer.mapAsync(mapModeRead, 0, 2 * told.length * queryBytes);
    } catch {
      // The device was lost or disposed of, which other calls report: these times are lost with it.
      return;
    }
    const times = new BigUint64Array(buffer.getMappedRange(0, 2 * told.length * queryBytes));
    const milliseconds = (index: number) => Number(times[index]) / 1e6;
    offset ??= submittedAt - milliseconds(0);
    const shift = offset;
    told.forEach((listener, pass) => {
      const begin = milliseconds(2 * pass) + shift;
      // Drivers may reset their clock in between.
      listener(begin, Math.max(begin, milliseconds(2 * pass + 1) + shift));
    });
    buffer.unmap();
    idle.push(buffer);
  };

  return {
    next(listener) {
      const index = 2 * listeners.length;
      listeners.push(listener);
      return { querySet, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
    },
    resolve(encoder) {
      const told = listeners;
      if (told.length === 0) return () => {};
      listeners = [];
      let buffer = idle.pop();
      if (!buffer) {
        buffer = device.createBuffer({
          label: 'read pass times',
          size: byteLength,
          usage: usage.mapRead | usage.copyDestination,
        });
        readBuffers.push(buffer);
      }
      encoder.resolveQuerySet(querySet, 0, 2 * told.length, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, buffer, 0, 2 * told.length * queryBytes);
      const target = buffer;
      return () => {
        const delivery = deliver(target, told, performance.now()).finally(() => pending.delete(delivery));
        pending.add(delivery);
      };
    },
    async settle() {
      await Promise.all(pending);
    },
    dispose() {
      querySet.destroy();
      resolved.destroy();
      for (const buffer of readBuffers) buffer.destroy();
    },
  };
}

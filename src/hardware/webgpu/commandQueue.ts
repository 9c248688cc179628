/**
 * The way from kernel calls to submissions: dispatches, copies and small writes are recorded into one command encoder
 * and submitted in batches, and a read waits for the batches before it.
 */
import { DeviceError, DisposedError, type DistillmError, formatBytes, LimitError } from '../../errors.js';
import type { OpenedDevice } from './adapter.js';
import type { BufferPool, PooledBuffer } from './bufferPool.js';
import type { Pipeline } from './pipelines.js';
import { createTimestamps, type TimeListener, type Timestamps } from './timestamps.js';
import { mapModeRead, usage } from './usage.js';

/** Bytes [offset, offset + size) of a buffer, as a shader sees them. `offset` is a multiple of 256, `size` of 4. */
export interface Binding {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly size: number;
}

export interface Dispatch {
  readonly pipeline: Pipeline;
  readonly label: string;
  /** At most 64 words; f32 values as their bits. */
  readonly uniform: Uint32Array;
  readonly bindings: readonly Binding[];
  /** Workgroups along x and y. */
  readonly groups: readonly [number, number];
  /** Estimated operations. Long batches are submitted in parts by their sum. */
  readonly flops: number;
  /** Called with its times. The dispatch then has a compute pass of its own. Needs the feature 'timestamp-query'. */
  readonly timed?: TimeListener | undefined;
}

export interface CommandQueue {
  dispatch(work: Dispatch): void;
  write(to: PooledBuffer, data: ArrayBufferView, byteOffset: number): void;
  copy(from: PooledBuffer, fromByteOffset: number, to: PooledBuffer, toByteOffset: number, byteLength: number): void;
  clear(buffer: PooledBuffer, byteLength: number): void;
  read(buffer: PooledBuffer, byteOffset: number, byteLength: number): Promise<ArrayBuffer>;
  submit(): void;
  /** Says that there was no memory for a buffer: the next read or finish fails. */
  ranOut(why: string): void;
  /** Resolves when all queued work is done and all times have been reported. */
  finish(): Promise<void>;
  /** Why the device was lost. Waits a moment for a loss that is about to be told; undefined where there is none. */
  whyLost(): Promise<DeviceError | undefined>;
  /** `bindGroups`: made, and thus not found among those kept. */
  counts(): { submissions: number; dispatches: number; bindGroups: number };
  dispose(): void;
}

/** Every uniform block has its own 256 bytes, the least alignment that every adapter allows. */
const uniformBytes = 256;
const dispatchesPerBatch = 1024;
/**
 * The first batch after a read is this short, and each further one twice as long as the one before: a GPU that has nothing
 * to do starts while JavaScript records the rest, which for a new token takes as long as the GPU does.
 */
const firstDispatches = 32;
const stagingBytes = 2 ** 20;
/** A batch is submitted after so many operations: a driver may take a batch that runs for seconds for a hang. */
const flopsPerBatch = { hardware: 2e11, software: 4e9 };
const bindGroupsKept = 8192;
/** Calls may fail this much sooner than a device tells that it was lost. */
const lossMs = 500;

/**
 * Records dispatches, copies and small writes into one command encoder and hands them over in batches: one compute
 * pass as long as no copy comes between. Uniforms and small writes are gathered on the host and sent ahead of the
 * batch in one transfer each.
 */
export function createCommandQueue(opened: OpenedDevice, pool: BufferPool): CommandQueue {
  const { device } = opened;
  const uniforms = new Uint32Array((dispatchesPerBatch * uniformBytes) / 4);
  const uniformBuffer = device.createBuffer({
    label: 'uniforms',
    size: uniforms.byteLength,
    usage: usage.uniform | usage.copyDestination,
  });
  const staging = new Uint8Array(stagingBytes);
  const stagingBuffer = device.createBuffer({
    label: 'staged writes',
    size: stagingBytes,
    usage: usage.copySource | usage.copyDestination,
  });
  const flopsAllowed = opened.software ? flopsPerBatch.software : flopsPerBatch.hardware;
  const bindGroups = new Map<string, GPUBindGroup>();
  const readBuffers = new Map<number, GPUBuffer[]>();
  let timestamps: Timestamps | undefined;

  let encoder: GPUCommandEncoder | undefined;
  let pass: GPUComputePassEncoder | undefined;
  let pipelineInPass: Pipeline | undefined;
  let batch = 0;
  let batchDispatches = 0;
  let batchLength = firstDispatches;
  let batchFlops = 0;
  let stagedBytes = 0;
  let submissions = 0;
  let dispatches = 0;
  let bindGroupsMade = 0;
  let disposed = false;
  let lost: DeviceError | undefined;
  const errors: DistillmError[] = [];

  const losing = device.lost.then(({ reason, message }) => {
    if (disposed) return undefined;
    lost = new DeviceError(`webgpu: the device was lost (${reason}): ${message || 'no message'}. Open a new one.`, {
      found: reason,
    });
    return lost;
  });
  const ranOut = (why: string) => {
    const { liveBytes } = pool.memory();
    errors.push(
      new LimitError(
        `webgpu: out of device memory with ${formatBytes(liveBytes)} in use: ${why}. Use smaller batches or a smaller model.`,
        { found: liveBytes },
      ),
    );
  };
  const onError = (event: GPUUncapturedErrorEvent) => {
    const { error } = event;
    if (error.constructor.name === 'GPUOutOfMemoryError') ranOut(error.message);
    else errors.push(new DeviceError(`webgpu: the device reports an error: ${error.message}`));
  };
  device.addEventListener('uncapturederror', onError);

  const check = () => {
    if (disposed) throw new DisposedError('webgpu: the device was used after it was disposed.');
    if (lost) throw lost;
  };
  const checkErrors = () => {
    check();
    const found = errors.splice(0);
    // Whatever uses a buffer for which there was no memory fails as well.
    const error = found.find((each) => each instanceof LimitError) ?? found[0];
    if (error) throw error;
  };
  const openEncoder = () => {
    encoder ??= device.createCommandEncoder({ label: `batch ${batch}` });
    return encoder;
  };
  const endPass = () => {
    pass?.end();
    pass = undefined;
    pipelineInPass = undefined;
    return openEncoder();
  };
  const touch = (buffer: PooledBuffer) => {
    buffer.lastBatch = batch;
  };

  const submit = () => {
    if (!encoder) return;
    pass?.end();
    pass = undefined;
    pipelineInPass = undefined;
    // Both run before the batch and after the batches before it.
    if (batchDispatches > 0)
      device.queue.writeBuffer(uniformBuffer, 0, uniforms, 0, (batchDispatches * uniformBytes) / 4);
    if (stagedBytes > 0) device.queue.writeBuffer(stagingBuffer, 0, staging, 0, stagedBytes);
    const readTimes = timestamps?.resolve(encoder);
    device.queue.submit([encoder.finish()]);
    opened.submitted();
    readTimes?.();
    encoder = undefined;
    batch++;
    batchDispatches = 0;
    batchLength = Math.min(2 * batchLength, dispatchesPerBatch);
    batchFlops = 0;
    stagedBytes = 0;
    submissions++;
    if (pool.trim()) bindGroups.clear();
  };

  const bindGroupFor = ({ pipeline, label, bindings }: Dispatch) => {
    let key = pipeline.layoutKey;
    for (const { buffer, offset, size } of bindings)
      key += offset === 0 && size === buffer.capacity ? `,${buffer.id}` : `,${buffer.id}:${offset}:${size}`;
    const known = bindGroups.get(key);
    if (known) return known;
    if (bindGroups.size >= bindGroupsKept) bindGroups.clear();
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer: uniformBuffer, offset: 0, size: uniformBytes } },
    ];
    bindings.forEach(({ buffer, offset, size }, index) => {
      entries.push({ binding: index + 1, resource: { buffer: buffer.gpu, offset, size } });
    });
    const made = device.createBindGroup({ label, layout: pipeline.layout, entries });
    bindGroups.set(key, made);
    bindGroupsMade++;
    return made;
  };

  return {
    dispatch(work) {
      check();
      if (batchDispatches >= batchLength || (batchFlops > 0 && batchFlops + work.flops > flopsAllowed)) submit();
      if (work.timed) {
        timestamps ??= createTimestamps(device, dispatchesPerBatch);
        pass = endPass().beginComputePass({ label: work.label, timestampWrites: timestamps.next(work.timed) });
      } else pass ??= openEncoder().beginComputePass({ label: `batch ${batch}` });
      if (pipelineInPass !== work.pipeline) pass.setPipeline(work.pipeline.gpu);
      pipelineInPass = work.pipeline;
      const slot = batchDispatches++;
      uniforms.set(work.uniform, (slot * uniformBytes) / 4);
      pass.setBindGroup(0, bindGroupFor(work), [slot * uniformBytes]);
      pass.dispatchWorkgroups(work.groups[0], work.groups[1]);
      for (const { buffer } of work.bindings) touch(buffer);
      if (work.timed) endPass();
      batchFlops += work.flops;
      dispatches++;
    },
    write(to, data, byteOffset) {
      check();
      if (data.byteLength === 0) return;
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      // A buffer that the open batch mentions is written inside it, in order, through staging; one too large for
      // that waits for the batch to be handed over. All others can be written ahead of the batch.
      if (to.lastBatch === batch && encoder && bytes.byteLength <= stagingBytes - stagedBytes) {
        staging.set(bytes, stagedBytes);
        endPass().copyBufferToBuffer(stagingBuffer, stagedBytes, to.gpu, byteOffset, bytes.byteLength);
        stagedBytes += bytes.byteLength;
        return;
      }
      if (to.lastBatch === batch) submit();
      device.queue.writeBuffer(to.gpu, byteOffset, bytes);
    },
    copy(from, fromByteOffset, to, toByteOffset, byteLength) {
      check();
      if (byteLength === 0) return;
      endPass().copyBufferToBuffer(from.gpu, fromByteOffset, to.gpu, toByteOffset, byteLength);
      touch(from);
      touch(to);
    },
    clear(buffer, byteLength) {
      check();
      endPass().clearBuffer(buffer.gpu, 0, byteLength);
      touch(buffer);
    },
    async read(buffer, byteOffset, byteLength) {
      check();
      const capacity = Math.max(1024, 2 ** Math.ceil(Math.log2(byteLength)));
      const size = Math.min(capacity, device.limits.maxBufferSize);
      const readBuffer =
        readBuffers.get(size)?.pop() ??
        device.createBuffer({ label: `read ${size}`, size, usage: usage.mapRead | usage.copyDestination });
      endPass().copyBufferToBuffer(buffer.gpu, byteOffset, readBuffer, 0, byteLength);
      submit();
      try {
        await readBuffer.mapAsync(mapModeRead, 0, byteLength);
      } catch (cause) {
        // An error queued before explains more than the failed mapping.
        await pool.settle();
        checkErrors();
        throw new DeviceError(`webgpu: reading '${buffer.gpu.label}' failed: ${cause}`, { cause });
      }
      batchLength = firstDispatches;
      // What is read may have come of a buffer without memory, which is told later than the reading is done.
      await pool.settle();
      const result = readBuffer.getMappedRange(0, byteLength).slice(0);
      readBuffer.unmap();
      // Large reads are rare (checkpoints): their staging buffers are destroyed.
      if (disposed || size > 2 ** 24) readBuffer.destroy();
      else readBuffers.set(size, [...(readBuffers.get(size) ?? []), readBuffer]);
      checkErrors();
      return result;
    },
    ranOut,
    submit() {
      check();
      submit();
    },
    async finish() {
      check();
      submit();
      await device.queue.onSubmittedWorkDone();
      await timestamps?.settle();
      await pool.settle();
      checkErrors();
    },
    async whyLost() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const waited = new Promise<undefined>((resolve) => {
        timer = setTimeout(resolve, lossMs, undefined);
      });
      return Promise.race([losing, waited]).finally(() => clearTimeout(timer));
    },
    counts: () => ({ submissions, dispatches, bindGroups: bindGroupsMade }),
    dispose() {
      if (disposed) return;
      disposed = true;
      pass?.end();
      pass = undefined;
      encoder = undefined;
      bindGroups.clear();
      device.removeEventListener('uncapturederror', onError);
      for (const list of readBuffers.values()) for (const buffer of list) buffer.destroy();
      readBuffers.clear();
      timestamps?.dispose();
      uniformBuffer.destroy();
      stagingBuffer.destroy();
    },
  };
}

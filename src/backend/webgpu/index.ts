/** The device that computes on a GPU: storages are pooled buffers, kernel calls become dispatches. */
import { DeviceError, DisposedError } from '../../errors.js';
import { giveTurn } from '../../eventLoop.js';
import { adoptDevice, openAdapter } from '../../hardware/webgpu/adapter.js';
import {
  type BufferPool,
  createBufferPool,
  type PooledBuffer,
  plannedBuffers,
} from '../../hardware/webgpu/bufferPool.js';
import { type CommandQueue, createCommandQueue } from '../../hardware/webgpu/commandQueue.js';
import type { AdapterClass } from '../../hardware/webgpu/facts.js';
import { createIdleQueue } from '../../hardware/webgpu/idleQueue.js';
import { createPipelines, type Pipeline } from '../../hardware/webgpu/pipelines.js';
import { checkOptions } from '../../settings/index.js';
import type { DeviceInfo, KernelCall, KernelObserver, Storage, TypedArray } from '../backend.js';
import { bytesPerEntry, hostArrays, type KernelName, wholeWords } from '../kernels/index.js';
import type { Context, GPUStorage, Region, ShaderCall } from './context.js';
import { constantLines, foldGroups } from './context.js';
import type { GemmSettings, WebGPUDevice } from './device.js';
import { type WebGPUOptions, webgpuOptions } from './options.js';
import { keptRates } from './products/ratesCache.js';
import { gemmRates, gemmTiles, ratesOf } from './products/variants.js';
import { shaders } from './shaders.js';
import { createTable } from './table.js';

/** Operations of one dispatch: software adapters reach some 1e9 a second, and drivers stop what runs for seconds. */
const maxFlops = { hardware: 1e11, software: 2e9 };
/**
 * Software adapters switch threads at every barrier: with 8, layer norms take half or a third of the time that 32 took.
 */
const rowThreads = { hardware: 256, software: 8 };
/** On an H200 the divergence of 186 rows of 50,257 logits takes 0.15 ms with 512 threads, 0.20 with 256, 0.17 with 1,024. */
const longRowThreads = 512;
/**
 * Logits at a time: GPUs with memory to spare take more rows at once, for each chunk reads the LM head and its gradient
 * anew. Others stay below the binding limit that every adapter has.
 */
const logitsBytes: Readonly<Record<AdapterClass, number>> = {
  server: 256 * 2 ** 20,
  discrete: 96 * 2 ** 20,
  integrated: 37 * 2 ** 20,
  software: 37 * 2 ** 20,
};

/**
 * Opens the WebGPU backend: in Node through Dawn (the npm package `webgpu`), in browsers through `navigator.gpu`.
 * @throws OptionError; DeviceError when there is no adapter, or only a software one without `allowSoftware`, or one
 * without the `subgroupMatrices` that were asked for.
 */
export async function openWebGPU(options: WebGPUOptions = {}): Promise<WebGPUDevice> {
  checkOptions('openWebGPU', webgpuOptions, options);
  const opened = options.device ? adoptDevice(options.device as GPUDevice, options) : await openAdapter(options);
  const { device } = opened;
  const pool = createBufferPool(device, { onNoMemory: (why) => queue.ranOut(why) });
  const pipelines = createPipelines(device);
  const queue = createCommandQueue(opened, pool);
  const bindingLimit = Math.min(options.maxBindingBytes ?? Infinity, device.limits.maxStorageBufferBindingSize);
  const maxBindingBytes = Math.floor(bindingLimit / 256) * 256;
  const groupsPerSide = Math.min(options.maxGroupsPerSide ?? Infinity, device.limits.maxComputeWorkgroupsPerDimension);
  const gemm: GemmSettings = {
    adapter: opened.identity,
    rates: ratesOf(gemmRates[opened.adapterClass], await keptRates(opened.identity)),
    matrixUnit: opened.matrixUnit,
    forced: undefined,
  };
  const threads = options.rowThreads ?? (opened.software ? rowThreads.software : rowThreads.hardware);
  const used = new Map<string, Pipeline>();
  const pipelineFor = ({
    shader,
    prelude: own,
    headBlocks = 0,
    constants = {},
    reads,
    writes,
  }: ShaderCall): Pipeline => {
    let key = headBlocks > 0 ? `${shader}, head blocks ${headBlocks}` : shader;
    if (own) key += `, ${own.name}`;
    const name = key;
    for (const value of Object.values(constants)) key += ` ${value}`;
    let pipeline = used.get(key);
    if (!pipeline) {
      // The call's own prelude comes first, since `enable` must.
      const sizes = headBlocks > 0 ? constantLines({ HEAD_BLOCKS: headBlocks }) : '';
      const code = (own?.code ?? '') + sizes + shaders[shader];
      pipeline = pipelines.get({ name, code, constants, reads: reads.length, writes: writes.length });
      used.set(key, pipeline);
    }
    return pipeline;
  };
  const words = new Uint32Array(64);
  const floats = new Float32Array(words.buffer);
  const limits: Context['limits'] = {
    maxBindingBytes,
    maxFlops: opened.software ? maxFlops.software : maxFlops.hardware,
    rowThreads: threads,
    longRowThreads: Math.max(
      threads,
      opened.software ? 0 : Math.min(device.limits.maxComputeInvocationsPerWorkgroup, longRowThreads),
    ),
    gemm,
  };
  const info: DeviceInfo = {
    kind: 'webgpu',
    description: opened.description,
    maxStorageBytes: device.limits.maxBufferSize,
    preferredRows: gemmTiles.medium.rows,
    preferredLogitsBytes: Math.min(logitsBytes[opened.adapterClass], maxBindingBytes),
    threads: 1,
    revectorized: false,
    arithmetic: 'gpu',
    software: opened.software,
  };
  return deviceOn({
    ...{ info, limits, device, pool, queue },
    dispatch(call, timed) {
      call.uniform.forEach((value, at) => {
        if (typeof value === 'number') words[at] = value;
        else floats[at] = value.f32;
      });
      queue.dispatch({
        pipeline: pipelineFor(call),
        label: call.shader,
        uniform: words.subarray(0, call.uniform.length),
        bindings: [...call.reads, ...call.writes],
        groups: foldGroups(call.groups, groupsPerSide),
        flops: call.flops,
        timed,
      });
    },
    close: () => opened.close(),
  });
}

/** What a device is made of: its buffers, and where its calls go. */
interface Parts {
  readonly info: DeviceInfo;
  readonly limits: Context['limits'];
  /** Its limits and features count. */
  readonly device: Pick<GPUDevice, 'limits' | 'features'>;
  readonly pool: BufferPool;
  readonly queue: Omit<CommandQueue, 'dispatch'>;
  dispatch(call: ShaderCall, timed: ReturnType<KernelObserver> | undefined): void;
  close(): Promise<void>;
  readonly isMeta?: boolean;
}

/** The same device with buffers that are only planned, and calls that go nowhere. */
function createMeta({ info, limits, device }: Parts): WebGPUDevice {
  const pool = createBufferPool(plannedBuffers(device));
  const queue = createIdleQueue(pool);
  return deviceOn({ ...{ info, limits, device, pool, queue }, dispatch() {}, async close() {}, isMeta: true });
}

function deviceOn(parts: Parts): WebGPUDevice {
  const { info, limits, device, pool, queue, isMeta = false } = parts;
  const { maxBindingBytes } = limits;
  const live = new Set<GPUStorage>();
  let observer: KernelObserver | undefined;
  /** The listener for the times of the kernel call that is being encoded. */
  let timed: ReturnType<KernelObserver> | undefined;
  let disposed = false;

  const mine = (storage: Storage): GPUStorage => {
    const found = storage as GPUStorage;
    if (found.released) throw new DisposedError(`webgpu: the storage '${storage.label}' was used after it was freed.`);
    return found;
  };
  /**
   * Binds the whole buffer from `offset` on, so that calls of slightly different sizes share a bind group. Shaders know
   * the sizes.
   */
  const bind = (buffer: PooledBuffer, offset: number, byteLength: number): Region => ({
    buffer,
    offset,
    size: Math.max(byteLength, Math.min(buffer.capacity - offset, maxBindingBytes)),
  });
  const context: Context = {
    limits,
    dispatch: (call) => parts.dispatch(call, timed),
    region: (storage, first, entries, dtype = 'f32') =>
      bind(mine(storage).buffer, bytesPerEntry(dtype) * first, wholeWords(bytesPerEntry(dtype) * entries)),
    temporary(elements, label, work) {
      const buffer = pool.acquire(4 * elements, label);
      try {
        return work(bind(buffer, 0, 4 * elements));
      } finally {
        pool.release(buffer);
      }
    },
  };
  const table = createTable(context);

  return {
    info,
    isMeta,
    meta: () => createMeta(parts),
    allocate(byteLength, label) {
      if (disposed) throw new DisposedError('webgpu: the device was used after it was disposed.');
      const storage: GPUStorage = { byteLength, label, buffer: pool.acquire(byteLength, label), released: false };
      live.add(storage);
      return storage;
    },
    adopt(storage) {
      const own = storage as { -readonly [Field in keyof GPUStorage]: GPUStorage[Field] };
      own.buffer = pool.acquire(own.byteLength, own.label);
      own.released = false;
      live.add(own);
    },
    free(storage) {
      const found = storage as GPUStorage;
      if (found.released) return;
      found.released = true;
      if (disposed) return;
      live.delete(found);
      pool.release(found.buffer);
    },
    // Tiles are read fastest from rows.
    arrange() {},
    write: (storage, data, byteOffset = 0) => queue.write(mine(storage).buffer, paddedWords(data), byteOffset),
    copy(from, fromByteOffset, to, toByteOffset, byteLength) {
      queue.copy(mine(from).buffer, fromByteOffset, mine(to).buffer, toByteOffset, byteLength);
    },
    clear: (storage) => queue.clear(mine(storage).buffer, storage.byteLength),
    async read(storage, dtype, byteOffset = 0, entries = (storage.byteLength - byteOffset) / bytesPerEntry(dtype)) {
      const bytes = await queue.read(mine(storage).buffer, byteOffset, wholeWords(bytesPerEntry(dtype) * entries));
      return new hostArrays[dtype](bytes, 0, entries);
    },
    run<K extends KernelName>(kernel: K, call: KernelCall<K>) {
      timed = observer?.(kernel, call);
      table[kernel](call);
    },
    observe(next) {
      if (next && !device.features.has('timestamp-query')) {
        throw new DeviceError(
          `webgpu: ${info.description} was opened without timestamp queries, which profiles need: the adapter lacks them, ` +
            "or the device was made without the feature 'timestamp-query'. Profile on the 'wasm' device, or on another GPU.",
          { expected: 'timestamp-query' },
        );
      }
      observer = next;
    },
    reserve() {},
    submit: () => queue.submit(),
    async drain() {
      queue.submit();
      await giveTurn();
    },
    finish: () => queue.finish(),
    whyLost: () => queue.whyLost(),
    memory: () => pool.memory(),
    gemm: limits.gemm,
    counts: () => ({ ...queue.counts(), ...pool.counts() }),
    async dispose() {
      if (disposed) return;
      disposed = true;
      queue.dispose();
      pool.dispose();
      for (const storage of live) storage.released = true;
      live.clear();
      await parts.close();
    },
  };
}

/** Data padded with zeros to a multiple of 4 bytes, as copies need it. */
function paddedWords(data: TypedArray): ArrayBufferView {
  if (data.byteLength % 4 === 0) return data;
  const padded = new Uint8Array(4 * Math.ceil(data.byteLength / 4));
  padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return padded;
}

/** The interface between tensors and devices: storages, kernel calls, and the few operations that are no kernels. */
import { instance } from '../settings/index.js';
import type { Dims, DType, KernelName, Kernels } from './kernels/index.js';

/** A piece of device memory. Opaque above the backends; a multiple of 4 bytes. */
export interface Storage {
  /** A multiple of 4. */
  readonly byteLength: number;
  /** What it holds, for labels and messages. */
  readonly label: string;
}

/** Data on the host: f32, i32, u32, f16 (as its bits), int8, and int4 (as packed bytes). */
export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint16Array | Int8Array | Uint8Array;

type Names<T> = T extends Readonly<Record<infer K, unknown>> ? K : never;
/** Operands that kernel K reads and writes. */
export type InoutName<K extends KernelName> = Kernels[K] extends { inout: infer I } ? Names<I> : never;
/** Operands that the caller of kernel K has. */
export type GivenName<K extends KernelName> = Names<Kernels[K]['in']> | InoutName<K>;
/** Operands that kernel K makes. */
export type OutName<K extends KernelName> = Kernels[K] extends { out: infer O } ? Names<O> : never;
/** All operands of kernel K, in binding order: in, inout, out. */
export type OperandName<K extends KernelName> = GivenName<K> | OutName<K>;
type NumbersOf<T> = { readonly [P in keyof T]: number };
/** Params and constants of kernel K as plain numbers. */
export type ParamsOf<K extends KernelName> = (Kernels[K] extends { params: infer P } ? NumbersOf<P> : unknown) &
  (Kernels[K] extends { constants: infer C } ? NumbersOf<C> : unknown);

/** One call of kernel K after the shape check: kernels may trust it. */
export interface KernelCall<K extends KernelName = KernelName> {
  /** The extent of every symbolic dim. */
  readonly dims: Dims;
  /** A storage for each operand, by name. */
  readonly operands: Readonly<Record<OperandName<K>, Storage>>;
  /** Params and constants, by name. */
  readonly params: ParamsOf<K>;
}
/** One entry a kernel: a backend that lacks one does not compile. */
export type KernelTable = { readonly [K in KernelName]: (call: KernelCall<K>) => void };

/** What a device is, and what it can hold. */
export interface DeviceInfo {
  /** Where the kernels run. */
  readonly kind: 'webgpu' | 'wasm';
  /** "NVIDIA H100", "WASM SIMD, 2 threads, 256-bit, fused arithmetic". */
  readonly description: string;
  /** Largest single allocation in bytes. */
  readonly maxStorageBytes: number;
  /**
   * Products take the least time a row for multiples of so many rows: those that are packed, or multiplied, together.
   */
  readonly preferredRows: number;
  /** Bytes of a model's logits that losses hold at a time by default: larger chunks take less time a row on large GPUs. */
  readonly preferredLogitsBytes: number;
  /** WASM: threads that share the work. WebGPU: 1. */
  readonly threads: number;
  /** WASM: V8 packs pairs of 128-bit vectors (`--experimental-wasm-revectorize`). */
  readonly revectorized: boolean;
  /**
   * How products are added. WASM: with one rounding ('fused') or two ('plain'); devices of the same arithmetic give the
   * same bits, whatever else differs. WebGPU: 'gpu', as the GPU and its driver do.
   */
  readonly arithmetic: 'fused' | 'plain' | 'gpu';
  /** Why arithmetic is plain, as a sentence. */
  readonly plainBecause?: string;
  /** WASM: why one thread computes where more were wanted, as a sentence. */
  readonly oneThreadBecause?: string;
  /** Why it is no GPU, as a sentence, where one would have been taken. */
  readonly noGPUBecause?: string;
  /** WebGPU: the adapter is software (SwiftShader, llvmpipe). */
  readonly software: boolean;
}

/** Memory of a device, in bytes. */
export interface MemoryUse {
  /** Bytes of all storages that are not freed. */
  readonly liveBytes: number;
  /** The most that `liveBytes` has been. */
  readonly peakBytes: number;
  /** Bytes that the device holds: WASM's linear memory, or all buffers of the pool, idle ones included. */
  readonly heldBytes: number;
  /**
   * The most that had to be there at once for all storages, the working memory beside them and what lies idle between
   * them: the highest address used of WASM's linear memory, or the most that all buffers of the pool have held.
   */
  readonly reachedBytes: number;
  /** Storages that are not freed. */
  readonly liveStorages: number;
}

/**
 * Called before each kernel. The function that it returns is called with the begin and end time, in ms as
 * `performance.now()`.
 */
export type KernelObserver = (kernel: KernelName, call: KernelCall) => (begin: number, end: number) => void;

/**
 * Memory and kernels: what tensors are built on. Calls are queued in order and return at once; `read` and `finish`
 * wait. All calls come from one thread. On WASM a call is done when it returns, unless the event loop has had no turn for
 * 50 ms: what follows is then done in its next turns.
 */
export interface Device {
  /** What this device is. */
  readonly info: DeviceInfo;
  /** It holds no contents, see `meta`. */
  readonly isMeta: boolean;
  /**
   * A new device of the same kind and limits without memory: storages are sizes, kernels compute nothing, reads give
   * zeros. Its `memory()` counts what this device would hold for the same calls, so that a model can be tried for size:
   * `loadModel` reads no weights for it, and `distill({ ... }).memory()` takes such models. (PyTorch calls its like the
   * same.) It need not be disposed of.
   * @throws LimitError, from its calls, where a buffer or a binding would be larger than a GPU's adapter allows. Memory
   * itself never ends
   */
  meta(): Device;
  /**
   * Memory with undefined contents. `byteLength` is a multiple of 4.
   * @throws LimitError when `byteLength` exceeds the device's limit or no memory is left, with the numbers.
   */
  allocate(byteLength: number, label: string): Storage;
  /** Frees a storage once the queued work that uses it is done. Twice is harmless. */
  free(storage: Storage): void;
  /**
   * Makes room at once for work that is going to take so many bytes, all that is there included: on WASM memory that grows
   * bit by bit keeps the event loop waiting. A GPU, and a host that does not give as much, leave it at that; `allocate` says
   * where no memory is left.
   */
  reserve(byteLength: number): void;
  /**
   * Says that gemmNN is going to read this storage, an f32 matrix, as its b [k, n] again and again, with the same
   * contents: the device may hold it in the order that its products read fastest. No number changes by it, and nothing
   * else: reads, writes and every other kernel find the contents as they were. A write, or another kernel, ends the
   * arrangement.
   *
   * On WASM the first such product rearranges the matrix, which takes about the time of a copy. It needs no memory beyond
   * the rounding up of n to a multiple of 16, and that of this one matrix again while it rearranges; where that is not to
   * be had, the matrix stays as it is.
   * @throws OptionError when the storage is no such matrix
   */
  arrange(storage: Storage, shape: readonly [k: number, n: number]): void;
  /** Queues a copy of `data` (taken now: the caller may change it afterwards) to `byteOffset`. */
  write(storage: Storage, data: TypedArray, byteOffset?: number): void;
  /** Queues a copy between two different storages. */
  copy(from: Storage, fromByteOffset: number, to: Storage, toByteOffset: number, byteLength: number): void;
  /** Queues a fill with zero bytes. */
  clear(storage: Storage): void;
  /** All or part of a storage, so many entries of the array, once the queued work before it is done. */
  read(storage: Storage, dtype: DType, byteOffset?: number, entries?: number): Promise<TypedArray>;
  /** Queues one call of a kernel. Shapes are the caller's affair: see `run` of `distillm/tensor`, which checks them. */
  run<K extends KernelName>(kernel: K, call: KernelCall<K>): void;
  /** Hands queued work to the device without waiting. */
  submit(): void;
  /**
   * The same, and resolves when the device may be given more: for loops that read nothing, whose calls would pile up. The
   * event loop has its turns meanwhile.
   */
  drain(): Promise<void>;
  /** Resolves when all queued work is done. */
  finish(): Promise<void>;
  /**
   * Times every kernel call from now on, until it is called without an observer. The observer hears of a call that the
   * device runs in parts once a part; on WebGPU later, at the latest when `finish` resolves. See `startProfile`.
   * @throws DeviceError when the device cannot time its work.
   */
  observe(observer: KernelObserver | undefined): void;
  /** How much memory is in use. */
  memory(): MemoryUse;
  /** Frees everything and ends threads, but keeps a GPUDevice that the caller passed in. Twice is harmless. */
  dispose(): Promise<void>;
}

/** Takes a device, for options and arguments. */
export const deviceOption = instance<Device>('a device, as openDevice gives it after await', 'allocate', 'run');

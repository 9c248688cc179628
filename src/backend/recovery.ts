/**
 * GPUs are lost: a driver crashes or is updated, a laptop sleeps, a page's GPU process ends. What was in their memory is
 * gone then, and every call fails. `recoverable` makes of an opened GPU a device whose storages outlive it: the device is
 * opened again, on a GPU or on WebAssembly, each storage gets memory there, and those that were kept on the host get
 * their contents back. The others hold nothing until they are written; reading one is an error, never silent zeros.
 */
import { DeviceError, DisposedError } from '../errors.js';
import type { Device, KernelCall, KernelObserver, Storage } from './backend.js';
import { givenSpecs, outputSpecs } from './check.js';
import type { KernelName } from './kernels/index.js';
import type { WebGPUDevice } from './webgpu/device.js';

/** A device that can take over the storages of another one. */
export interface AdoptingDevice extends Device {
  /** Gives a storage that another device made memory here, with undefined contents. @throws LimitError */
  adopt(storage: Storage): void;
}

/** Host copies of storages. */
export type KeptContents = ReadonlyMap<Storage, Uint32Array>;

/** What a device that can be lost offers to whoever goes on after that. */
export interface Recovery {
  /** Why the device was lost. Waits a moment for a loss that is about to be told; undefined where there is none. */
  whyLost(): Promise<DeviceError | undefined>;
  /** Copies the contents of all storages to the host, but for `except`. */
  keep(except: ReadonlySet<Storage>): Promise<KeptContents>;
  /**
   * Opens the device again after it was lost. All storages live on; those in `kept` have their contents of then.
   * @throws DeviceError where there is none; LimitError where it cannot hold the storages
   */
  reopen(kind: 'webgpu' | 'wasm', kept: KeptContents): Promise<void>;
}

const recoveries = new WeakMap<Device, Recovery>();

/** undefined for a device that is never lost (WebAssembly), or was opened below `openDevice`. */
export const recoveryOf = (device: Device): Recovery | undefined => recoveries.get(device);

/**
 * A device on `opened` as long as that is there, and on another one after `reopen`.
 * @param open opens what comes after it
 */
export function recoverable(
  opened: WebGPUDevice,
  open: { readonly webgpu: () => Promise<WebGPUDevice>; readonly wasm: () => Promise<AdoptingDevice> },
): WebGPUDevice {
  let current: AdoptingDevice = opened;
  const live = new Set<Storage>();
  /** Storages whose contents went with a device, until they are written. */
  const empty = new Set<Storage>();
  let observer: KernelObserver | undefined;
  let disposed = false;

  const requireContents = (storage: Storage) => {
    if (!empty.has(storage)) return;
    throw new DeviceError(
      `${storage.label}: its contents went with the device that was lost, and nothing has written it since. ` +
        'Load the model again.',
    );
  };
  /** Beside a lost device only: otherwise no storage is empty. */
  const checkContents = (kernel: KernelName, operands: Readonly<Record<string, Storage>>) => {
    for (const [name] of givenSpecs(kernel)) requireContents(operands[name] as Storage);
    for (const [name] of outputSpecs(kernel)) empty.delete(operands[name] as Storage);
  };

  const whyLost = async () => ('whyLost' in current ? (current as WebGPUDevice).whyLost() : undefined);

  const device: WebGPUDevice = {
    get info() {
      return current.info;
    },
    isMeta: false,
    meta: () => current.meta(),
    allocate(byteLength, label) {
      const storage = current.allocate(byteLength, label);
      live.add(storage);
      return storage;
    },
    free(storage) {
      live.delete(storage);
      empty.delete(storage);
      current.free(storage);
    },
    arrange: (storage, shape) => current.arrange(storage, shape),
    write(storage, data, byteOffset = 0) {
      current.write(storage, data, byteOffset);
      if (data.byteLength >= storage.byteLength) empty.delete(storage);
    },
    copy(from, fromByteOffset, to, toByteOffset, byteLength) {
      if (empty.size > 0) requireContents(from);
      current.copy(from, fromByteOffset, to, toByteOffset, byteLength);
      if (byteLength === to.byteLength) empty.delete(to);
    },
    clear(storage) {
      current.clear(storage);
      empty.delete(storage);
    },
    async read(storage, dtype, byteOffset, elements) {
      if (empty.size > 0) requireContents(storage);
      return current.read(storage, dtype, byteOffset, elements);
    },
    run<K extends KernelName>(kernel: K, call: KernelCall<K>) {
      if (empty.size > 0) checkContents(kernel, call.operands);
      current.run(kernel, call);
    },
    observe(next) {
      current.observe(next);
      observer = next;
    },
    reserve: (byteLength) => current.reserve(byteLength),
    submit: () => current.submit(),
    drain: () => current.drain(),
    finish: () => current.finish(),
    memory: () => current.memory(),
    // Of the GPU that was opened first, once it is another one: measurements ask for the kind.
    get gemm() {
      return ('gemm' in current ? (current as WebGPUDevice) : opened).gemm;
    },
    counts: () => ('counts' in current ? (current as WebGPUDevice) : opened).counts(),
    adopt: (storage) => current.adopt(storage),
    whyLost,
    async dispose() {
      disposed = true;
      live.clear();
      empty.clear();
      await current.dispose();
    },
  };

  recoveries.set(device, {
    whyLost,
    async keep(except) {
      const kept = new Map<Storage, Uint32Array>();
      for (const storage of live) {
        if (!except.has(storage)) kept.set(storage, (await current.read(storage, 'u32')) as Uint32Array);
      }
      return kept;
    },
    async reopen(kind, kept) {
      if (disposed) throw new DisposedError('The device was used after it was disposed.');
      // Its storages cannot be used until another device has them.
      await current.dispose();
      const next = await open[kind]();
      try {
        for (const storage of live) next.adopt(storage);
        if (observer) next.observe(observer);
      } catch (error) {
        await next.dispose();
        throw error;
      }
      current = next;
      for (const storage of live) empty.add(storage);
      for (const [storage, contents] of kept) if (live.has(storage)) device.write(storage, contents);
    },
  });
  return device;
}

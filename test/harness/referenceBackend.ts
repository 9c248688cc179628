import type { Device, KernelCall, Storage } from '../../src/backend/backend.js';
import { operandDType, resolveShape } from '../../src/backend/check.js';
import {
  bytesPerEntry,
  entriesOf,
  hostArrays,
  type KernelName,
  type KernelSpec,
  kernels,
} from '../../src/backend/kernels/index.js';
import { f16ToF32, f32ToF16 } from '../../src/halfFloats.js';
import { unpackInt4 } from '../../src/int4.js';
import { reference } from '../../src/testing/reference/index.js';
import type { Expected, Reference } from '../../src/testing/reference/types.js';

interface ReferenceBackend extends Device {
  /** Contents in full precision: `read` rounds to the dtype. */
  peek(storage: Storage): Float64Array;
  /** Sets the contents in full precision. */
  poke(storage: Storage, values: ArrayLike<number>): void;
}

/**
 * A backend that runs the reference kernels: in float64, for finite differences of whole ops, or rounded to f32 after
 * each kernel, as a stand-in for a real one. `after` may tamper with what a kernel gave, to test the tests.
 */
export function openReference({
  precision = 'f64',
  after,
}: {
  precision?: 'f32' | 'f64';
  after?: (kernel: KernelName, memory: Readonly<Record<string, Float64Array>>) => void;
} = {}): ReferenceBackend {
  const memory = new Map<Storage, Float64Array>();
  let peakBytes = 0;
  const contents = (storage: Storage): Float64Array => {
    const found = memory.get(storage);
    if (!found) throw new Error(`Storage '${storage.label}' was freed, or is another backend's.`);
    return found;
  };
  const liveBytes = () => [...memory.keys()].reduce((total, { byteLength }) => total + byteLength, 0);

  function run<K extends KernelName>(kernel: K, { dims, operands, params }: KernelCall<K>): void {
    const spec: KernelSpec = kernels[kernel];
    const views: Record<string, Float64Array> = {};
    const given: Record<string, Float64Array> = {};
    for (const [name, storage] of Object.entries<Storage>(operands)) views[name] = contents(storage);
    for (const [name, operand] of Object.entries({ ...spec.in, ...spec.inout })) {
      const shape = resolveShape(operand, dims);
      const entries = views[name]!.slice(0, entriesOf(operandDType(operand), shape));
      const isPacked = operandDType(operand) === 'int4';
      given[name] = isPacked ? Float64Array.from(unpackInt4(Uint8Array.from(entries), shape)) : entries;
      if (operandDType(operand) === 'i32' && !given[name].every(Number.isInteger)) {
        throw new Error(`${kernel}: '${name}' holds no integers.`);
      }
    }
    const meaning = reference[kernel] as unknown as Reference<KernelName>;
    const outputs = meaning(dims as never, given as never, params as never);
    for (const [name, { value }] of Object.entries<Expected>(outputs)) {
      views[name]!.set(precision === 'f32' ? Float32Array.from(value) : value);
    }
    after?.(kernel, views);
  }

  return {
    info: {
      kind: 'wasm',
      description: `reference in ${precision}`,
      maxStorageBytes: 2 ** 30,
      preferredRows: 96,
      preferredLogitsBytes: 37 * 2 ** 20,
      threads: 1,
      revectorized: false,
      arithmetic: 'plain',
      software: true,
    },
    isMeta: false,
    meta: () => openReference({ precision }),
    allocate(byteLength, label) {
      const storage: Storage = { byteLength, label };
      memory.set(storage, new Float64Array(byteLength / 4).fill(Number.NaN));
      peakBytes = Math.max(peakBytes, liveBytes());
      return storage;
    },
    free(storage) {
      contents(storage);
      memory.delete(storage);
    },
    arrange: () => {},
    write(storage, data, byteOffset = 0) {
      // Stored weights are written whole, and held as the numbers that they stand for.
      if (data instanceof Uint16Array) memory.set(storage, Float64Array.from(f16ToF32(data)));
      else if (data instanceof Int8Array || data instanceof Uint8Array) memory.set(storage, Float64Array.from(data));
      else contents(storage).set(data, byteOffset / 4);
    },
    copy: (from, fromByteOffset, to, toByteOffset, byteLength) =>
      contents(to).set(
        contents(from).subarray(fromByteOffset / 4, (fromByteOffset + byteLength) / 4),
        toByteOffset / 4,
      ),
    clear: (storage) => void contents(storage).fill(0),
    read: async (storage, dtype, byteOffset = 0, elements = contents(storage).length) => {
      const start = byteOffset / bytesPerEntry(dtype);
      const values = contents(storage).subarray(start, start + elements);
      return dtype === 'f16' ? f32ToF16(Float32Array.from(values)) : hostArrays[dtype].from(values);
    },
    run,
    observe: () => {},
    reserve: () => {},
    submit: () => {},
    drain: async () => {},
    finish: async () => {},
    memory: () => ({
      liveBytes: liveBytes(),
      peakBytes,
      heldBytes: liveBytes(),
      reachedBytes: peakBytes,
      liveStorages: memory.size,
    }),
    dispose: async () => memory.clear(),
    peek: (storage) => contents(storage).slice(),
    poke: (storage, values) => contents(storage).set(values),
  };
}

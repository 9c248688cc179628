/** A tensor: a shape, a dtype, and a storage on a device that several tensors may share. */
import type { Device, Storage, TypedArray } from '../backend/backend.js';
import { type DType, entriesOf, hostArrays, storageBytes } from '../backend/kernels/index.js';
import { DisposedError, OptionError, ShapeError } from '../errors.js';
import { inWords } from '../inWords.js';
import { refusedOption } from '../requireOption.js';
import { sizeOf } from '../shape.js';
import { adopt } from './scope.js';

const dtypes = Object.keys(hostArrays) as DType[];
const arrayNames = Object.values(hostArrays).map(({ name }) => name);
function dtypeOf(where: string, data: TypedArray): DType {
  const found = dtypes.find((name) => data instanceof hostArrays[name]);
  if (found === undefined) throw refusedOption(where, 'data', data, `one of ${arrayNames.join(', ')}`);
  return found;
}

/** @throws ShapeError */
function checkShape(label: string, shape: readonly number[]): void {
  if (Array.isArray(shape) && shape.every((extent) => Number.isInteger(extent) && extent >= 1)) return;
  const found = inWords(shape);
  throw new ShapeError(`${label}: the shape is ${found}, expected a list of integers of at least 1.`, { found: shape });
}

/** Storage that several tensors may look at; freed with the last of them. */
interface SharedStorage {
  readonly storage: Storage;
  references: number;
}

/**
 * A dense, row-major array on a device. Contents are mutable only through kernels. Memory is freed by `dispose`,
 * or at the end of the `tidy` in which the tensor was made.
 */
export class Tensor {
  #requiresGrad = false;
  /** Accumulated gradient of a parameter, same shape; undefined until the first backward pass. */
  grad: Tensor | undefined;
  #shared: SharedStorage | undefined;

  private constructor(
    /** Where it is. */
    readonly device: Device,
    /** Extents of its axes; the last is contiguous. */
    readonly shape: readonly number[],
    /** Type of its elements. */
    readonly dtype: DType,
    shared: SharedStorage,
  ) {
    this.#shared = shared;
    shared.references++;
    adopt(this);
  }

  /**
   * Memory with undefined contents: for outputs of kernels that write every element.
   * @throws LimitError when the device cannot hold it.
   */
  static empty(device: Device, shape: readonly number[], dtype: DType = 'f32', label = 'tensor'): Tensor {
    if (typeof Object(device).allocate !== 'function') {
      throw refusedOption(label, 'device', device, 'a device, as openDevice gives it after await');
    }
    checkShape(label, shape);
    const storage = device.allocate(storageBytes(dtype, shape), label);
    return new Tensor(device, shape, dtype, { storage, references: 0 });
  }

  /** Memory that holds zeros. @throws ShapeError, LimitError */
  static zeros(device: Device, shape: readonly number[], dtype: DType = 'f32', label = 'zeros'): Tensor {
    return Tensor.empty(device, shape, dtype, label).#filled(({ storage }) => device.clear(storage));
  }

  /** @throws ShapeError when `data` does not have the shape's number of elements; of int4, two a byte, rows in whole groups. */
  static from(device: Device, data: TypedArray, shape: readonly number[], label = 'data'): Tensor {
    const dtype = dtypeOf(label, data);
    checkShape(label, shape);
    const expected = entriesOf(dtype, shape);
    if (data.length !== expected) {
      const what = dtype === 'int4' ? 'bytes of int4' : 'elements';
      throw new ShapeError(`${label}: ${data.length} ${what} do not fill the shape [${shape.join(', ')}].`, {
        found: data.length,
        expected,
      });
    }
    return Tensor.empty(device, shape, dtype, label).#filled(({ storage }) => device.write(storage, data));
  }

  /** Gets its first contents; frees the memory where the device fails. */
  #filled(fill: (tensor: Tensor) => void): Tensor {
    try {
      fill(this);
      return this;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Parameters that are trained: the tape fills `grad`.
   * @throws OptionError for weights that are stored in fewer bits
   */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }
  /** As the getter says. */
  set requiresGrad(wanted: boolean) {
    if (wanted && this.dtype !== 'f32') {
      throw new OptionError(
        `A weight of dtype ${this.dtype} cannot be trained, only f32. Load the model without dtype.`,
        {
          found: this.dtype,
          expected: 'f32',
        },
      );
    }
    this.#requiresGrad = wanted;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether the memory was given up. */
  get disposed(): boolean {
    return this.#shared === undefined;
  }

  /** @throws DisposedError */
  get storage(): Storage {
    if (!this.#shared) {
      throw new DisposedError(`A tensor of shape [${this.shape.join(', ')}] was used after it was disposed.`);
    }
    return this.#shared.storage;
  }

  /** No other tensor looks at this storage. */
  get exclusive(): boolean {
    return this.#shared?.references === 1;
  }

  /** A second tensor on the same storage, with its own lifetime. */
  alias(shape: readonly number[] = this.shape): Tensor {
    if (!this.#shared || sizeOf(shape) !== this.size) {
      throw new ShapeError(`Cannot see [${this.shape.join(', ')}] as [${shape.join(', ')}].`);
    }
    return new Tensor(this.device, shape, this.dtype, this.#shared);
  }

  /** A tensor on the first rows of this one, with its own lifetime: the same storage, a shorter first axis. @throws ShapeError */
  firstRows(count: number): Tensor {
    const [rows = 0, ...rest] = this.shape;
    if (!this.#shared || !Number.isInteger(count) || count < 1 || count > rows) {
      throw new ShapeError(`Cannot see the first ${count} rows of [${this.shape.join(', ')}].`, {
        found: count,
        expected: rows,
      });
    }
    return new Tensor(this.device, [count, ...rest], this.dtype, this.#shared);
  }

  /** New contents, same shape. @throws ShapeError on another length or dtype. */
  set(data: TypedArray): void {
    const dtype = dtypeOf('set', data);
    if (dtype !== this.dtype) {
      throw new ShapeError(`set: ${dtype} elements for a tensor of ${this.dtype}.`, {
        found: dtype,
        expected: this.dtype,
      });
    }
    if (data.length !== entriesOf(dtype, this.shape)) {
      throw new ShapeError(`set: ${data.length} elements for a tensor of [${this.shape.join(', ')}].`, {
        found: data.length,
        expected: entriesOf(dtype, this.shape),
      });
    }
    this.device.write(this.storage, data);
  }

  /** All elements, row-major, once the work queued before is done; of int4 the packed bytes. */
  read(): Promise<TypedArray> {
    return this.device.read(this.storage, this.dtype, 0, entriesOf(this.dtype, this.shape));
  }

  /** Frees the memory, and that of `grad`, unless another tensor shares it. Twice is harmless. */
  dispose(): void {
    const shared = this.#shared;
    if (!shared) return;
    this.#shared = undefined;
    shared.references--;
    if (shared.references === 0) this.device.free(shared.storage);
    this.grad?.dispose();
    this.grad = undefined;
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

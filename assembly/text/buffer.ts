import { alloc, free, LARGEST } from './memory';

/** A growing array of numbers outside any garbage collector: T is a number type, lengths count elements. */
// @ts-ignore: decorator
@unmanaged
export class Buffer<T> {
  data: usize;
  length: u32;
  capacity: u32;

  static create<T>(): Buffer<T> {
    const buffer = changetype<Buffer<T>>(alloc(offsetof<Buffer<T>>()));
    buffer.data = 0;
    buffer.length = 0;
    buffer.capacity = 0;
    return buffer;
  }

  @inline at(index: u32): T {
    return load<T>(this.data + (<usize>index) * sizeof<T>());
  }

  @inline set(index: u32, value: T): void {
    store<T>(this.data + (<usize>index) * sizeof<T>(), value);
  }

  @inline push(value: T): void {
    if (this.length == this.capacity) this.reserve(this.length + 1);
    this.set(this.length++, value);
  }

  /** Appends `count` elements that lie at `from`. */
  append(from: usize, count: u32): void {
    this.reserve(this.length + count);
    memory.copy(this.data + (<usize>this.length) * sizeof<T>(), from, (<usize>count) * sizeof<T>());
    this.length += count;
  }

  /** Room for `wanted` elements in all. Doubles, while blocks go, so that pushing n elements copies O(n). */
  reserve(wanted: u32): void {
    if (wanted <= this.capacity) return;
    const doubled = min<u64>(max<u64>(<u64>this.capacity << 1, 16), LARGEST / sizeof<T>());
    const capacity = max<u64>(wanted, doubled);
    const data = alloc(capacity * sizeof<T>());
    if (this.data) {
      memory.copy(data, this.data, (<usize>this.length) * sizeof<T>());
      free(this.data);
    }
    this.data = data;
    this.capacity = <u32>capacity;
  }

  dispose(): void {
    if (this.data) free(this.data);
    free(changetype<usize>(this));
  }
}

/** The least power of two that is at least `size`. */
export function powerOfTwo(size: u32): u32 {
  return size <= 1 ? 1 : 1 << (32 - clz<u32>(size - 1));
}

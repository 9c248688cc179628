import { ShapeError } from '../errors.js';
import { sizeOf } from '../shape.js';
import { type ElementDType, type ElementsOf, elementBytes, isOf } from './elements.js';
import type { FileStore } from './fileStore.js';

/**
 * A tensor to be written. `read` returns its elements ('F16' as bits). It is called once, just before they are written.
 */
export type TensorToWrite = { readonly [D in ElementDType]: ToWrite<D> }[ElementDType];
interface ToWrite<D extends ElementDType> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  read(): Promise<ElementsOf<D>>;
}

/** Bytes that are written, and hashed, at a time: signals are heard in between. */
const pieceBytes = 4 * 1024 * 1024;

export interface WriteOptions {
  /** Strings for the header's `__metadata__`. Hugging Face loads files whose `format` is 'pt', the default. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a safetensors file tensor by tensor, never holding more than one. The header is padded to 8 bytes. Where a
 * `read` fails, what the file held before is kept.
 * @throws ShapeError when a tensor's elements are of another dtype or do not fill its shape
 */
export async function writeSafetensors(
  store: FileStore,
  path: string,
  tensors: readonly TensorToWrite[],
  { metadata = { format: 'pt' } }: WriteOptions = {},
): Promise<void> {
  // No prototype: a tensor may be called __proto__.
  const header: Record<string, unknown> = Object.create(null);
  header.__metadata__ = metadata;
  let end = 0;
  for (const { name, dtype, shape } of tensors) {
    const begin = end;
    end += elementBytes(dtype) * sizeOf(shape);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + 8 * Math.ceil(text.byteLength / 8)).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(start.byteLength - 8), true);
  start.set(text, 8);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield start;
    for (const { name, dtype, shape, read } of tensors) {
      const elements = await read();
      if (elements.length !== sizeOf(shape) || !isOf(dtype, elements)) {
        throw new ShapeError(
          `${path}: '${name}' has ${elements.length} elements in a ${elements.constructor.name}, ` +
            `expected ${dtype} [${shape.join(', ')}].`,
          { found: elements.length, expected: sizeOf(shape) },
        );
      }
      const { buffer, byteOffset, byteLength } = elements;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      for (let begin = 0; begin < byteLength; begin += pieceBytes) yield bytes.subarray(begin, begin + pieceBytes);
    }
  }
  await store.write(path, chunks());
}

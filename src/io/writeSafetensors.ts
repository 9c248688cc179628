import { ShapeError } from '../errors.js';
import { checkHalves, f32ToF16 } from '../halfFloats.js';
import { sizeOf } from '../shape.js';
import type { FileStore } from './fileStore.js';

/** A tensor to be written: `read` is called once, when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<Float32Array>;
}

export interface WriteOptions {
  /** 'f32' by default; 'f16' halves the file and rounds to nearest. */
  readonly dtype?: 'f32' | 'f16';
  /** Strings for the header's `__metadata__`. Hugging Face loads files whose `format` is 'pt', the default. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a safetensors file tensor by tensor, never holding more than one. The header is padded to 8 bytes.
 * @throws ShapeError when a tensor's elements do not fill its shape; CheckpointError for 'f16' when one is not finite or
 * beyond f16's range. What the file held before is kept then.
 */
export async function writeSafetensors(
  store: FileStore,
  path: string,
  tensors: readonly TensorToWrite[],
  { dtype = 'f32', metadata = { format: 'pt' } }: WriteOptions = {},
): Promise<void> {
  const elementBytes = dtype === 'f32' ? 4 : 2;
  // No prototype: a tensor may be called __proto__.
  const header: Record<string, unknown> = Object.create(null);
  header.__metadata__ = metadata;
  let end = 0;
  for (const { name, shape } of tensors) {
    const begin = end;
    end += elementBytes * sizeOf(shape);
    header[name] = { dtype: dtype.toUpperCase(), shape, data_offsets: [begin, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + 8 * Math.ceil(text.byteLength / 8)).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(start.byteLength - 8), true);
  start.set(text, 8);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield start;
    for (const { name, shape, read } of tensors) {
      const values = await read();
      const size = sizeOf(shape);
      if (values.length !== size) {
        throw new ShapeError(`${path}: '${name}' has ${values.length} elements, expected [${shape.join(', ')}].`, {
          found: values.length,
          expected: size,
        });
      }
      const elements = dtype === 'f32' ? values : f32ToF16(values);
      if (elements instanceof Uint16Array) {
        checkHalves(elements, values, { where: `${store.name}/${path}`, name, advice: "Save it with dtype 'f32'." });
      }
      const { buffer, byteOffset, byteLength } = elements;
      yield new Uint8Array(buffer, byteOffset, byteLength);
    }
  }
  await store.write(path, chunks());
}

/** What llama.cpp's converters do to tensors, undone. */
import type { Change } from '../../io/changed.js';
import { floatFormat } from '../../io/storedFormats.js';
import type { StoredTensor } from '../../io/tensorSource.js';
import { sizeOf } from '../../shape.js';

/**
 * Rows of queries and keys, in the order of LLaMA's own code in the file: the two dims of a pair that turns are
 * neighbours. Hugging Face has the first dims of all pairs of a head, then the second ones.
 */
export function unpermuted({ dtype, shape, byteLength }: StoredTensor, heads: number): Change {
  const rows = shape[0] as number;
  const rowBytes = byteLength / rows;
  const pairs = rows / heads / 2;
  return {
    ...{ dtype, shape, byteLength },
    make(bytes) {
      const made = new Uint8Array(byteLength);
      for (let row = 0; row < rows; row++) {
        const [head, place] = [Math.floor(row / (2 * pairs)), row % (2 * pairs)];
        const from = head * 2 * pairs + 2 * (place % pairs) + Math.floor(place / pairs);
        made.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
      }
      return made;
    },
  };
}

/** [out, in] in the file, in any format; [in, out] in f32 as OpenAI's GPT-2 has it. */
export function transposed(stored: StoredTensor): Change | undefined {
  const [outputs = 0, inputs = 0] = stored.shape;
  return inF32(stored, [inputs, outputs], (values) => {
    const made = new Float32Array(values.length);
    for (let output = 0; output < outputs; output++) {
      for (let input = 0; input < inputs; input++) {
        made[input * outputs + output] = values[output * inputs + input] as number;
      }
    }
    return made;
  });
}

/** Gemma's norms multiply by 1 + w; the file has the sum. */
export const lessOne = (stored: StoredTensor): Change | undefined =>
  inF32(stored, stored.shape, (values) => values.map((value) => value - 1));

function inF32(
  { dtype, shape }: StoredTensor,
  made: readonly number[],
  make: (values: Float32Array) => Float32Array,
): Change | undefined {
  const format = floatFormat(dtype);
  // Integers: models refuse them by their dtype.
  if (!format) return undefined;
  return {
    dtype: 'F32',
    shape: made,
    byteLength: 4 * sizeOf(shape),
    make(bytes) {
      const { buffer, byteOffset, byteLength } = make(format.widen(bytes));
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    },
  };
}

/** Blocks of GGUF files whose numbers are those of int4 (src/int4.ts): integers and scales are put apart, nothing is rounded. */
import { groupBytes, int4Bytes } from '../../int4.js';

/** Bytes of the halves before the integers: a scale, or a scale and a minimum. */
const headBytes = { Q4_0: 2, Q4_1: 4 } as const;

/**
 * @param shape [rows, cols], cols a multiple of 32
 * @returns packed integers, and the halves
 */
export function readInt4Blocks(
  dtype: keyof typeof headBytes,
  blocks: Uint8Array,
  shape: readonly number[],
): { integers: Uint8Array<ArrayBuffer>; scales: Uint16Array<ArrayBuffer> } {
  const head = headBytes[dtype];
  const integers = new Uint8Array(int4Bytes(shape));
  const heads = new Uint8Array((integers.length / groupBytes) * head);
  for (let block = 0, from = 0; from < blocks.length; block++, from += head + groupBytes) {
    for (let i = 0; i < head; i++) heads[block * head + i] = blocks[from + i] as number;
    const to = block * groupBytes;
    for (let i = 0; i < groupBytes; i++) integers[to + i] = blocks[from + head + i] as number;
  }
  return { integers, scales: new Uint16Array(heads.buffer) };
}

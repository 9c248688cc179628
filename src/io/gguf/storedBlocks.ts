/**
 * Blocks of GGUF files whose numbers are those of int4 (src/int4.ts) or int8: integers and scales are put apart, nothing is
 * rounded. Each block is of 32 elements.
 */

/** Bytes of the halves before the integers, a scale, or a scale and a minimum; and of the integers. */
const parts = {
  Q4_0: { head: 2, body: 16 },
  Q4_1: { head: 4, body: 16 },
  Q8_0: { head: 2, body: 32 },
} as const;

/**
 * @param blocks of a matrix [rows, cols], cols a multiple of 32
 * @returns integers, those of four bits packed, and the halves
 */
export function readStoredBlocks(
  dtype: keyof typeof parts,
  blocks: Uint8Array,
): { integers: Uint8Array<ArrayBuffer>; scales: Uint16Array<ArrayBuffer> } {
  const { head, body } = parts[dtype];
  const count = blocks.length / (head + body);
  const integers = new Uint8Array(count * body);
  const heads = new Uint8Array(count * head);
  for (let block = 0, from = 0; block < count; block++, from += head + body) {
    for (let i = 0; i < head; i++) heads[block * head + i] = blocks[from + i] as number;
    const to = block * body;
    for (let i = 0; i < body; i++) integers[to + i] = blocks[from + head + i] as number;
  }
  return { integers, scales: new Uint16Array(heads.buffer) };
}

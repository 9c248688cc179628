/**
 * Matrices of integers from 0 to 15, two a byte. A row is groups of 32 elements, the last one padded; a group has a scale of
 * its own, and perhaps a minimum. It is 16 bytes: byte i has element i in its lower half and element i + 16 in the upper
 * one. So have the blocks of GGUF's Q4_0 and Q4_1.
 */

/** Elements that share a scale. */
export const groupElements = 32;
export const groupBytes = 16;

/** Groups of a row of `cols` elements. */
export const groupsOf = (cols: number): number => Math.ceil(cols / groupElements);

/** Bytes of a matrix of this shape. */
export function int4Bytes(shape: readonly number[]): number {
  const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
  return groupBytes * groupsOf(shape.at(-1) ?? 1) * rows;
}

/** The byte of an element of a row, and how far up its bits are. */
const byteOf = (col: number): number => groupBytes * (col >>> 5) + (col & 15);
const shiftOf = (col: number): number => (col >>> 2) & 4;

/** Integers from 0 to 15, row-major, as a tensor of dtype int4 stores them: two a byte, rows in whole groups of 32. */
export function packInt4(integers: ArrayLike<number>, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(int4Bytes(shape));
  const cols = shape.at(-1) ?? 1;
  const stride = int4Bytes([cols]);
  for (let from = 0, row = 0; from < integers.length; from += cols, row += stride) {
    for (let col = 0; col < cols; col++) {
      const at = row + byteOf(col);
      bytes[at] = (bytes[at] as number) | ((integers[from + col] as number) << shiftOf(col));
    }
  }
  return bytes;
}

/** The integers, row-major. */
export function unpackInt4(bytes: Uint8Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const cols = shape.at(-1) ?? 1;
  const stride = int4Bytes([cols]);
  const integers = new Uint8Array((bytes.length / stride) * cols);
  for (let to = 0, row = 0; to < integers.length; to += cols, row += stride) {
    for (let col = 0; col < cols; col++) {
      integers[to + col] = ((bytes[row + byteOf(col)] as number) >>> shiftOf(col)) & 15;
    }
  }
  return integers;
}

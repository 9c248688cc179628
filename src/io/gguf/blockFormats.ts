/**
 * The block formats of GGUF files: so many neighbouring elements share one or two scales (f16), and each has a few bits.
 * The numbers are those of the `gguf` package of Python, to the bit: each product and each sum is rounded to f32.
 * Source: ggml's ggml-quants.c, https://github.com/ggml-org/ggml.
 */
import { f16ToF32 } from '../../halfFloats.js';

/** The block formats of GGUF files: so many elements share one or two scales. */
export type BlockDType = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q4_K' | 'Q5_K' | 'Q6_K';

/** One of them. */
interface BlockFormat {
  /** Elements of a block. */
  readonly elements: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Writes the elements of the block that begins at `at` into `values` from `to`. */
  unpack(block: Uint8Array, at: number, values: Float32Array, to: number): void;
}

const { fround } = Math;

/** Every f16 as f32, for the scales. */
let halves: Float32Array | undefined;
function half(bytes: Uint8Array, at: number): number {
  halves ??= f16ToF32(Uint16Array.from({ length: 65536 }, (_, bits) => bits));
  return halves[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}
/** A byte with its sign. */
const signed = (byte: number): number => (byte << 24) >> 24;

/** 32 elements; the low four bits of the bytes from `quants` are the first half, the high ones the second. */
const nibbles = (bytes: number, read: (block: Uint8Array, at: number) => Nibbles): BlockFormat => ({
  elements: 32,
  bytes,
  unpack(block, at, values, to) {
    const { scale, least, quants, fifth, offset } = read(block, at);
    for (let i = 0; i < 16; i++) {
      const byte = block[quants + i] as number;
      const low = (byte & 15) + (((fifth >>> i) & 1) << 4) - offset;
      const high = (byte >>> 4) + (((fifth >>> (i + 16)) & 1) << 4) - offset;
      values[to + i] = fround(scale * low) + least;
      values[to + i + 16] = fround(scale * high) + least;
    }
  },
});
interface Nibbles {
  readonly scale: number;
  /** Added to all elements. */
  readonly least: number;
  /** Where the bytes with four bits of each element begin. */
  readonly quants: number;
  /** The fifth bit of each element; 0 for formats of four bits. */
  readonly fifth: number;
  /** Subtracted from the bits. */
  readonly offset: number;
}
const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24);

/** Scale and minimum of a part of a K block, of 6 bits each, packed into 12 bytes for its 8 parts. */
function partOf(block: Uint8Array, at: number, part: number): { readonly scale: number; readonly least: number } {
  const byte = (index: number) => block[at + index] as number;
  if (part < 4) return { scale: byte(part) & 63, least: byte(part + 4) & 63 };
  return {
    scale: (byte(part + 4) & 15) | ((byte(part - 4) >>> 6) << 4),
    least: (byte(part + 4) >>> 4) | ((byte(part) >>> 6) << 4),
  };
}

/** 256 elements in 8 parts; two parts share 32 bytes. `fifths`: where the bytes with the fifth bits begin, if there are any. */
const superBlock = (bytes: number, quants: number, fifths?: number): BlockFormat => ({
  elements: 256,
  bytes,
  unpack(block, at, values, to) {
    const [scales, leasts] = [half(block, at), half(block, at + 2)];
    for (let part = 0; part < 8; part++) {
      const { scale, least } = partOf(block, at + 4, part);
      const [factor, minimum] = [fround(scales * scale), fround(leasts * least)];
      const first = at + quants + 32 * (part >>> 1);
      const shift = 4 * (part & 1);
      for (let i = 0; i < 32; i++) {
        const fifth = fifths === undefined ? 0 : (((block[at + fifths + i] as number) >>> part) & 1) << 4;
        const bits = (((block[first + i] as number) >>> shift) & 15) + fifth;
        values[to + 32 * part + i] = fround(factor * bits) - minimum;
      }
    }
  },
});

/** 256 elements of 6 bits in 16 parts with scales of 8 bits. */
const sixBits: BlockFormat = {
  elements: 256,
  bytes: 210,
  unpack(block, at, values, to) {
    const scale = half(block, at + 208);
    for (let i = 0; i < 256; i++) {
      // 128 elements have 64 bytes of low bits and 32 bytes of high ones; four elements share a byte of the latter.
      const [side, place] = [i >>> 7, i & 127];
      const low = ((block[at + 64 * side + (place & 63)] as number) >>> (4 * (place >>> 6))) & 15;
      const high = ((block[at + 128 + 32 * side + (place & 31)] as number) >>> (2 * (place >>> 5))) & 3;
      const factor = fround(scale * signed(block[at + 192 + (i >>> 4)] as number));
      values[to + i] = factor * ((low | (high << 4)) - 32);
    }
  },
};

const eightBits: BlockFormat = {
  elements: 32,
  bytes: 34,
  unpack(block, at, values, to) {
    const scale = half(block, at);
    for (let i = 0; i < 32; i++) values[to + i] = scale * signed(block[at + 2 + i] as number);
  },
};

/** Adding -0 changes nothing, not even the sign of a zero. */
const none = { least: -0, fifth: 0 };
export const blockFormats: Readonly<Record<BlockDType, BlockFormat>> = {
  Q4_0: nibbles(18, (block, at) => ({ ...none, scale: half(block, at), quants: at + 2, offset: 8 })),
  Q4_1: nibbles(20, (block, at) => ({
    ...none,
    scale: half(block, at),
    least: half(block, at + 2),
    quants: at + 4,
    offset: 0,
  })),
  Q5_0: nibbles(22, (block, at) => ({
    ...none,
    scale: half(block, at),
    fifth: word(block, at + 2),
    quants: at + 6,
    offset: 16,
  })),
  Q5_1: nibbles(24, (block, at) => ({
    scale: half(block, at),
    least: half(block, at + 2),
    fifth: word(block, at + 4),
    quants: at + 8,
    offset: 0,
  })),
  Q8_0: eightBits,
  Q4_K: superBlock(144, 16),
  Q5_K: superBlock(176, 48, 16),
  Q6_K: sixBits,
};

/** Whole blocks as f32. */
export function unpackBlocks(dtype: BlockDType, blocks: Uint8Array): Float32Array<ArrayBuffer> {
  const { elements, bytes, unpack } = blockFormats[dtype];
  const count = blocks.byteLength / bytes;
  const values = new Float32Array(count * elements);
  for (let block = 0; block < count; block++) unpack(blocks, block * bytes, values, block * elements);
  return values;
}

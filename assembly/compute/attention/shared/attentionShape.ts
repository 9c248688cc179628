// What the attention kernels share: block sizes, the working memory of a thread and the rules of visibility.
import { TILE_BYTES } from '../../shared/tile';

/** Queries and keys of a block. */
export const BLOCK: u32 = 64;

/** Floats of a row of headDim in panels of 16 columns. */
// @ts-ignore: decorator
@inline
export function padded(headDim: u32): u32 {
  return (headDim + 15) & ~15;
}

/** Bytes of [BLOCK][padded headDim] floats: any operand block, any packed operand block. */
// @ts-ignore: decorator
@inline
export function operandBytes(headDim: u32): usize {
  return (<usize>BLOCK * padded(headDim)) << 2;
}

/** Bytes of [BLOCK][BLOCK] floats: scores, plain or packed. */
export const SCORE_BYTES: usize = (BLOCK * BLOCK) << 2;
/** Bytes of one float a query of the block. */
export const ROW_TERMS: usize = BLOCK << 2;
/** Bytes at the front of the working memory: a tile, the biases of a block and two row terms. */
export const WORK_BYTES: usize = TILE_BYTES + 4 * ROW_TERMS;

/**
 * Working memory of a thread for attention forward and backward, in bytes; three score blocks and five operand blocks.
 */
// @ts-ignore: decorator
@inline
export function blockBytes(headDim: u32): usize {
  return WORK_BYTES + 3 * SCORE_BYTES + 5 * operandBytes(headDim);
}

/** Batch row b sees no key before this one. */
// @ts-ignore: decorator
@inline
export function firstKey(keyRange: usize, b: u32): u32 {
  return <u32>max(load<i32>(keyRange + (b << 3)), 0);
}

/**
 * A query at `position` sees no key before this one: `from` is that of its batch row, `span` how many keys it sees at most,
 * its own the last; 0 is all.
 */
// @ts-ignore: decorator
@inline
export function firstSeen(from: u32, span: u32, position: u32): u32 {
  return span && position >= span ? max(from, position + 1 - span) : from;
}

/** A query of batch row b at `position` sees no key from this one on. */
// @ts-ignore: decorator
@inline
export function lastKey(keyRange: usize, b: u32, capacity: u32, causal: u32, position: u32): u32 {
  const last = min(<u32>max(load<i32>(keyRange + (b << 3), 4), 0), capacity);
  return causal ? min(last, position + 1) : last;
}

/*
 * Number formats on the host: halves, bfloat16, and the rounding of weights to 8 and 4 bits. Functions of arrays in the
 * memory of the text module, whose heap gives the blocks (src/hostNumbers.ts); this module has no state and no data.
 *
 * Addresses are in bytes, counts in elements. All work is in whole vectors: up to PADDING bytes after an array are read,
 * and after a result are written.
 */
export { largest, largestHalf, scaleHalves, widen, widenUpper, narrow } from './floats';
export { roundRows } from './int8';
export { roundGroups } from './int4';

// What the two products for few rows of a have in common: an element has the same bits in both.

/** A segment of the depth is summed in blocks of this, in order. */
export const DEPTH: u32 = 32;

// How the products for many rows are blocked: an element has the same bits in gemm.ts and gemmPanels.ts.

/** The sum of an element is the sum of blocks of the depth of this, in order. */
export const DEPTH: u32 = 256;
/** Rows of a that are packed at a time. */
export const ROWS: u32 = 96;

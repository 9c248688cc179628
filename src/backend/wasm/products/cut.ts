/** How a packed product is cut into pieces for the threads. */

/** Floating-point operations of a piece that is worth a thread's wake-up (about 40 us). */
const PIECE_OPERATIONS = 2_000_000;
/**
 * Above this, a piece is cut further, so that a thread that the system interrupts does not hold up the others, and the event
 * loop has its turns.
 */
const LONG_PIECE_OPERATIONS = 500_000_000;
/** Products that read b as it is lay a out anew for each piece: of longer ones that is a small share. */
const LONG_UNPACKED_OPERATIONS = 2 * LONG_PIECE_OPERATIONS;

/** Columns of c, at most, that a piece of an unpacked product has: whole vectors. */
export const longestPiece = (m: number, k: number): number =>
  Math.max(1, Math.floor(LONG_UNPACKED_OPERATIONS / (2 * m * k) / 16)) * 16;

/**
 * Cuts c [m, n] into pieces, `rows` by `cols`. Every piece packs its rows of a and its columns of b anew, so of all
 * cuts into enough pieces the one that packs least wins. Elements have the same bits whatever the cut.
 */
export function cutPieces(m: number, n: number, k: number, threads: number): { rows: number; cols: number } {
  const operations = 2 * m * n * k;
  const rounds = Math.ceil(operations / threads / LONG_PIECE_OPERATIONS);
  const pieces = Math.min(threads * rounds, Math.floor(operations / PIECE_OPERATIONS));
  let best = { rows: m, cols: n };
  let bestCost = Number.POSITIVE_INFINITY;
  for (let down = 1; down <= pieces; down++) {
    if (pieces % down !== 0) continue;
    const rows = Math.ceil(m / down / 4) * 4;
    const cols = Math.ceil((n * down) / pieces / 16) * 16;
    const [rowPieces, colPieces] = [Math.ceil(m / rows), Math.ceil(n / cols)];
    // Pieces that cannot be evenly shared leave threads idle: as bad as the work they would have done.
    const idle = Math.ceil((rowPieces * colPieces) / threads) * threads - rowPieces * colPieces;
    const cost = rowPieces * n * k + colPieces * m * k + (idle * rows * cols * k) / 8;
    if (cost < bestCost) {
      bestCost = cost;
      best = { rows, cols };
    }
  }
  return best;
}

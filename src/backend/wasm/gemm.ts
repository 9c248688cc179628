import type { KernelCall } from '../backend.js';
import { at, type Device, type Entries, grainOf, scratchBytes, sizes } from './calls.js';

type Layout = 'NN' | 'NT' | 'TN';

/** Up to this many rows, packing the right operand costs more than it saves (measured at the shapes of GPT-2 small). */
const SKINNY_ROWS = { NN: 8, NT: 32, TN: 0 } as const satisfies Record<Layout, number>;
/** Floating-point operations of a piece that is worth a thread's wake-up (about 40 us). */
const PIECE_OPERATIONS = 2_000_000;
/** Above this, a piece is cut further, so that a thread that the system interrupts does not hold up the others. */
const LONG_PIECE_OPERATIONS = 500_000_000;

/**
 * Cuts c [m, n] into pieces, `rows` by `cols`. Every piece packs its rows of a and its columns of b anew, so of all cuts
 * into enough pieces the one that packs least wins. Elements have the same bits whatever the cut.
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

/** Matrix products. */
export function gemmKernels(device: Device): Entries<'gemmNN' | 'gemmNT' | 'gemmTN'> {
  const { pool } = device;
  const packScratch = scratchBytes(device, 'gemm');
  const skinnyScratch = scratchBytes(device, 'gemmSkinny');
  const multiply = (layout: Layout, call: KernelCall<'gemmNN'>) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const { a, b, c } = call.operands;
    const args = [at(a), at(b), at(c), m, n, k, call.params.accumulate];
    if (m <= SKINNY_ROWS[layout]) {
      // Long pieces of the weight's rows: memory is read fastest straight on.
      const grain = Math.max(Math.ceil(n / pool.threads / 16) * 16, grainOf(device, n, m * k, 16));
      pool.parallel(`gemmSkinny${layout}`, args, n, grain, skinnyScratch);
      return;
    }
    const { rows, cols } = cutPieces(m, n, k, pool.threads);
    const pieces = Math.ceil(m / rows) * Math.ceil(n / cols);
    pool.parallel(`gemm${layout}`, [...args, rows, cols], pieces, 1, packScratch);
  };
  return {
    gemmNN: (call) => multiply('NN', call),
    gemmNT: (call) => multiply('NT', call),
    gemmTN: (call) => multiply('TN', call),
  };
}

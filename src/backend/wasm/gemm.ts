import type { KernelCall } from '../backend.js';
import type { KernelName } from '../kernels/index.js';
import { at, type Entries, grainOf, scratchBytes, sizes, type Threads } from './calls.js';

type Product = Extract<KernelName, `gemm${string}`>;
/** How b is stored: f32, halves or bytes. */
type Stored = '' | 'F16' | 'Int8';

/** Up to this many rows, packing the right operand costs more than it saves (measured at the shapes of GPT-2 small). */
const SKINNY_ROWS = 32;
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

/** A weight of fewer elements stays in the caches, where it does not matter in which order it is read. */
const CACHED_ELEMENTS = 524_288;
/** Rows of b that are so long are read straight on well enough. */
const LONG_ROW = 8192;

/** How many segments the depth of a skinny product is cut into. The bits depend on it, so it knows nothing of the threads. */
const segmentsOf = (n: number, k: number) => (n * k < CACHED_ELEMENTS || n > LONG_ROW ? 1 : 4);

/** Matrix products. */
export function gemmKernels(device: Threads): Entries<Product> {
  const { pool, memory } = device;
  /** Segments of whole rows of b, which memory delivers fastest, each to a part of its own; then the parts' sum. */
  const skinnyNN = (call: KernelCall<Product>) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const [a, b, c] = [at(call.operands.a), at(call.operands.b), at(call.operands.c)];
    const { accumulate } = call.params;
    const scratch = scratchBytes(device, 'gemmSkinny');
    const segments = segmentsOf(n, k);
    const segment = Math.ceil(k / segments / 4) * 4;
    const piecesEach = Math.ceil(pool.threads / segments);
    const cols = Math.max(Math.ceil(n / piecesEach / 16) * 16, grainOf(device, n, m * segment, 16));
    const pieces = segments * Math.ceil(n / cols);
    if (segments === 1) {
      pool.parallel('gemmSkinnyNN', [a, b, c, m, n, k, accumulate, segment, cols], pieces, 1, scratch);
      return;
    }
    const parts = memory.allocate(4 * segments * m * n, 'parts of a product');
    try {
      pool.parallel('gemmSkinnyNN', [a, b, parts, m, n, k, 0, segment, cols], pieces, 1, scratch);
      const args = [parts, c, m * n, segments, accumulate];
      pool.parallel('addSegments', args, m * n, grainOf(device, m * n, segments, 16));
    } finally {
      memory.free(parts);
    }
  };
  /** b transposed: dot products of rows. */
  const dots = (stored: Stored, call: KernelCall<Product>, scale: readonly number[] = []) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const { a, b, c } = call.operands;
    // Long pieces of the weight's rows: memory is read fastest straight on.
    const grain = Math.max(Math.ceil(n / pool.threads / 16) * 16, grainOf(device, n, m * k, 16));
    const args = [at(a), at(b), ...scale, at(c), m, n, k, call.params.accumulate];
    pool.parallel(
      `gemmDot${stored}`,
      args,
      n,
      grain,
      scratchBytes(device, stored === 'Int8' ? 'gemmDotInt8' : 'gemmDot', m, k),
    );
  };
  const packed = (
    form: 'NN' | 'NT' | 'TN',
    stored: Stored,
    call: KernelCall<Product>,
    scale: readonly number[] = [],
  ) => {
    const [m, n, k] = sizes(call, ['m', 'n', 'k']);
    const { a, b, c } = call.operands;
    const { rows, cols } = cutPieces(m, n, k, pool.threads);
    const pieces = Math.ceil(m / rows) * Math.ceil(n / cols);
    const args = [at(a), at(b), ...scale, at(c), m, n, k, call.params.accumulate, rows, cols];
    pool.parallel(`gemm${form}${stored}`, args, pieces, 1, scratchBytes(device, `gemm${stored}`));
  };
  const fewRows = ({ dims }: KernelCall<Product>) => (dims.m as number) <= SKINNY_ROWS;
  return {
    gemmNN: (call) => (fewRows(call) ? skinnyNN(call) : packed('NN', '', call)),
    gemmNT: (call) => (fewRows(call) ? dots('', call) : packed('NT', '', call)),
    gemmTN: (call) => packed('TN', '', call),
    gemmNNF16: (call) => packed('NN', 'F16', call, [call.params.scale]),
    gemmNTF16: (call) =>
      fewRows(call) ? dots('F16', call, [call.params.scale]) : packed('NT', 'F16', call, [call.params.scale]),
    gemmNNInt8: (call) => packed('NN', 'Int8', call, [at(call.operands.scales)]),
    gemmNTInt8: (call) => dots('Int8', call, [at(call.operands.scales)]),
  };
}

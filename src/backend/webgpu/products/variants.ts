import type { AdapterClass } from '../../../hardware/webgpu/facts.js';

/**
 * Which tile a product takes and into how many parts its k is split: what is expected to be fastest by a table of
 * two measured numbers a tile, one table a class of adapter.
 */

/** The part of a shader that multiplies tiles (kernels/products/shared/gemmThread8.wgsl and its like). */
export type GemmLoop = '8' | '4' | 'Matrices';
interface TileSpec {
  readonly loop: GemmLoop;
  /** Of c. */
  readonly rows: number;
  readonly cols: number;
  readonly constants: Readonly<Record<string, number>>;
}

/** `side` x `side` elements of c a thread, `down` x `across` threads. */
const threadTile = (side: 4 | 8, down: number, across: number): TileSpec => ({
  loop: `${side}`,
  rows: side * down,
  cols: side * across,
  constants: { DOWN: down, ACROSS: across },
});

/**
 * Tiles of c. `matrices` rounds operands to f16, and is for f16 weights on devices with subgroup matrices alone.
 */
export const gemmTiles = {
  large: threadTile(8, 16, 16),
  medium: threadTile(8, 8, 8),
  small: threadTile(4, 8, 8),
  // Of matrices of 16 x 16; others have tiles of other sizes.
  matrices: { loop: 'Matrices', rows: 128, cols: 128, constants: {} },
} as const satisfies Record<string, TileSpec>;
export type GemmTile = keyof typeof gemmTiles;
/** Those that multiply in f32. */
export const floatTiles = ['large', 'medium', 'small'] as const satisfies readonly GemmTile[];
/** Steps along k between two barriers: parts of k are multiples of it. */
const depth = 16;

export interface TileRate {
  /** GFLOP/s of a product that keeps the whole adapter busy. */
  readonly gflops: number;
  /** Workgroups that run side by side before a further one costs time. */
  readonly groups: number;
}
/** What `tuneDevice` measured: no matrices on a device without. */
export interface MeasuredRates {
  readonly tiles: Readonly<Record<(typeof floatTiles)[number], TileRate>> & { readonly matrices?: TileRate };
  /** GB/s of adding up the parts of a split product, and microseconds of one more dispatch. */
  readonly sum: { readonly gigabytes: number; readonly microseconds: number };
}

/** What `chooseGemm` knows of an adapter: a table for its class, and over it what was measured. */
export interface GemmRates extends MeasuredRates {
  readonly tiles: Readonly<Record<GemmTile, TileRate>>;
}
export const ratesOf = (table: GemmRates, measured: MeasuredRates | undefined): GemmRates => ({
  ...table,
  ...measured,
  tiles: { ...table.tiles, ...measured?.tiles },
});

/**
 * Until an adapter is tuned. `server` is what an H200 of 132 multiprocessors was measured at, `software` SwiftShader on
 * two cores. `discrete` is the H200's table for a GPU of 46 multiprocessors; `integrated` an estimate for 10 cores.
 */
export const gemmRates: Readonly<Record<AdapterClass, GemmRates>> = {
  server: {
    tiles: {
      large: { gflops: 31_000, groups: 175 },
      medium: { gflops: 28_000, groups: 430 },
      small: { gflops: 20_500, groups: 560 },
      matrices: { gflops: 100_000, groups: 264 },
    },
    sum: { gigabytes: 1100, microseconds: 9 },
  },
  discrete: {
    tiles: {
      large: { gflops: 10_800, groups: 61 },
      medium: { gflops: 9750, groups: 150 },
      small: { gflops: 7100, groups: 195 },
      matrices: { gflops: 35_000, groups: 92 },
    },
    sum: { gigabytes: 380, microseconds: 9 },
  },
  integrated: {
    tiles: {
      // With the large tile's registers too few threads run at once to hide memory latency.
      large: { gflops: 1200, groups: 10 },
      medium: { gflops: 1500, groups: 24 },
      small: { gflops: 900, groups: 24 },
      matrices: { gflops: 3000, groups: 20 },
    },
    sum: { gigabytes: 60, microseconds: 10 },
  },
  software: {
    tiles: {
      // SwiftShader switches threads at every barrier, so the large tiles are slow; and it compiles each pipeline for a
      // second or more, so that only large products are worth the medium one: hence its 16.
      large: { gflops: 1, groups: 2 },
      medium: { gflops: 2, groups: 16 },
      small: { gflops: 1.2, groups: 2 },
      matrices: { gflops: 1, groups: 2 },
    },
    sum: { gigabytes: 1, microseconds: 100 },
  },
};

export interface GemmVariant {
  readonly tile: GemmTile;
  /** Parts of k; 1 is no split. */
  readonly parts: number;
}
export interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A part of k has at least so many steps: shorter ones spend their time on the tile's edges. */
const leastPart = 8 * depth;
const partsTried = 64;

/** The variant of these tiles that the rates expect to be fastest, with at most `mostParts` parts of k. */
export function chooseGemm(
  rates: GemmRates,
  { m, n, k }: ProductSize,
  mostParts: number,
  tiles: readonly GemmTile[] = floatTiles,
): GemmVariant {
  const most = Math.min(partsTried, mostParts, Math.floor(k / leastPart));
  let best: GemmVariant = { tile: 'small', parts: 1 };
  let least = Infinity;
  for (const tile of tiles) {
    for (let parts = 1; parts === 1 || parts <= most; parts *= 2) {
      const seconds = gemmSeconds(rates, tile, parts, { m, n, k });
      if (seconds < least) {
        least = seconds;
        best = { tile, parts };
      }
    }
  }
  return best;
}

/**
 * Estimated seconds. Fewer workgroups than the GPU runs at once cost as much as a full load; a split adds the traffic
 * of its partial sums.
 */
function gemmSeconds({ tiles, sum }: GemmRates, tile: GemmTile, parts: number, { m, n, k }: ProductSize): number {
  const { gflops, groups } = tiles[tile];
  const { rows, cols } = gemmTiles[tile];
  const all = Math.ceil(m / rows) * Math.ceil(n / cols) * parts;
  const product = (Math.max(groups, all) * 2 * rows * cols * stepsOfTile(partSteps(k, parts))) / (1e9 * gflops);
  if (parts === 1) return product;
  return product + (4 * m * n * (2 * parts + 1)) / (1e9 * sum.gigabytes) + 1e-6 * sum.microseconds;
}

/** Overhead of a tile in steps: filling the first tiles and storing the result take about as long as one more step. */
export const stepsOfTile = (steps: number): number => steps + depth;

/** Steps of k in each of `parts` parts but the last, a multiple of `depth`. */
export const partSteps = (k: number, parts: number): number => depth * Math.ceil(k / (depth * parts));

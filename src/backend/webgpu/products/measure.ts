/** Measures each variant of the matrix products on an adapter. */

import type { WebGPUDevice } from '../device.js';
import { floatTiles, type GemmTile, gemmTiles, type MeasuredRates, stepsOfTile, type TileRate } from './variants.js';

export interface MeasureOptions {
  /** Least duration of a measurement. Default 30. */
  readonly milliseconds?: number;
  /** Rows and columns of the first product; they double, up to 4096, until one lasts `milliseconds`. Default 256. */
  readonly side?: number;
}

const largestSide = 4096;
const deepest = 1024;
const repeats = 3;

/** Measures what `chooseGemm` needs to know of an adapter: a second or two on a GPU. */
export async function measureGemm(
  backend: WebGPUDevice,
  { milliseconds = 30, side: firstSide = 256 }: MeasureOptions = {},
): Promise<MeasuredRates> {
  const { forced, matrixUnit } = backend.gemm;
  try {
    const tiles: Partial<Record<GemmTile, TileRate>> = {};
    // An idle GPU takes a while to reach its clock, so the first measurement is dropped.
    backend.gemm.forced = { tile: 'large', parts: 1 };
    await measureTile('large');
    for (const tile of [...floatTiles, ...(matrixUnit ? (['matrices'] as const) : [])]) {
      backend.gemm.forced = { tile, parts: 1 };
      tiles[tile] = await measureTile(tile);
    }
    return { tiles: tiles as MeasuredRates['tiles'], sum: await measureSum() };
  } finally {
    backend.gemm.forced = forced;
  }

  async function measureTile(tile: GemmTile): Promise<TileRate> {
    let side = firstSide;
    let seconds = await product(side, side, (call) => fastest(call, 1));
    while (1000 * seconds < milliseconds && side < largestSide) {
      side *= 2;
      seconds = await product(side, side, (call) => fastest(call, 1));
    }
    // The last one lasted long enough, or is repeated until it does.
    if (1000 * seconds < milliseconds) seconds = await product(side, side, fastest);
    const flops = (2 * side * side * Math.min(side, deepest)) / seconds;
    const { rows, cols } = gemmTiles[tile];
    // A lone workgroup, at the depth that all of them had.
    const lone = await product(rows, cols, fastest, Math.min(side, deepest));
    const groups = (flops * lone) / (2 * rows * cols * stepsOfTile(Math.min(side, deepest)));
    return { gflops: flops / 1e9, groups: Math.max(1, Math.round(groups)) };
  }

  /** Adding up the parts of a product is traffic, as adding arrays is. */
  async function measureSum(): Promise<MeasuredRates['sum']> {
    const size = (4 * firstSide) ** 2;
    const seconds = await addition(size);
    return { gigabytes: (12 * size) / seconds / 1e9, microseconds: 1e6 * (await addition(1)) };
  }

  function addition(size: number): Promise<number> {
    return withStorages([size, size], ([x, y]) =>
      fastest(() => backend.run('addInto', { dims: { size }, operands: { x, y }, params: { scale: 1 } })),
    );
  }

  function product(
    m: number,
    n: number,
    time: (call: () => void) => Promise<number>,
    k = Math.min(m, deepest),
  ): Promise<number> {
    return withStorages([m * k, k * n, m * n], ([a, b, c]) =>
      time(() => backend.run('gemmNN', { dims: { m, n, k }, operands: { a, b, c }, params: { accumulate: 0 } })),
    );
  }

  /** Storages of zeros for the length of `work`. */
  async function withStorages<T>(elements: readonly number[], work: (storages: Storages) => Promise<T>): Promise<T> {
    const storages = elements.map((count) => backend.allocate(4 * count, 'measured')) as unknown as Storages;
    try {
      for (const storage of storages) backend.clear(storage);
      return await work(storages);
    } finally {
      for (const storage of storages) backend.free(storage);
    }
  }

  /** Seconds of one call: the best of a few rounds of so many calls that a round lasts long enough. */
  async function fastest(call: () => void, calls?: number): Promise<number> {
    const round = async (count: number) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) call();
      await backend.finish();
      return (performance.now() - start) / 1000;
    };
    await round(1);
    let count = calls ?? 1;
    let seconds = await round(count);
    while (calls === undefined && 1000 * seconds < milliseconds) {
      count *= 2;
      seconds = await round(count);
    }
    for (let i = 1; i < repeats; i++) seconds = Math.min(seconds, await round(count));
    return seconds / count;
  }
}

type Storages = readonly [StorageOf, StorageOf, StorageOf];
type StorageOf = ReturnType<WebGPUDevice['allocate']>;

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { WebGPUDevice } from '../../../src/backend/webgpu/device.js';
import { openWebGPU } from '../../../src/backend/webgpu/index.js';
import {
  chooseGemm,
  floatTiles,
  type GemmVariant,
  gemmRates,
  gemmTiles,
} from '../../../src/backend/webgpu/products/variants.js';
import type { AnyCase } from '../../../src/testing/case.js';
import { checkCase, prepare, runCase } from '../../../src/testing/compare.js';
import { atDefaultLimits, describeWebGPU, withWebGPU } from './adapter.js';

// Software adapters compile a variant for seconds, a minute on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

type Form = 'gemmNN' | 'gemmNT' | 'gemmTN';
type Sides = readonly [m: number, n: number, k: number];
const forms = ['gemmNN', 'gemmNT', 'gemmTN'] as const;

const caseOf = ([m, n, k]: Sides, accumulate: number): AnyCase => ({
  dims: { m, n, k },
  params: { accumulate },
  prepare: accumulate ? () => {} : ({ c }) => void c?.fill(Number.NaN),
});

/** Checks shapes with c overwritten and added to. */
async function check(backend: WebGPUDevice, form: Form, variant: GemmVariant, shapes: readonly Sides[]) {
  backend.gemm.forced = variant;
  for (const shape of shapes) {
    for (const accumulate of [0, 1]) await checkCase(backend, 'WebGPU', prepare(form, caseOf(shape, accumulate)));
  }
  expect(backend.memory().liveStorages).toBe(0);
}

/** m, n and k around a tile's edges: multiples of four, so that every operand is bound as vec4, and none. */
const aligned = (tile: number): Sides[] => [
  [12, 4, 4],
  [tile, tile, 16],
  [tile - 4, tile + 4, 20],
  [tile + 4, tile - 4, 132],
];
const odd = (tile: number): Sides[] => [
  [9, 1, 1],
  [13, 7, 5],
  [tile - 1, tile + 1, 15],
  [tile + 1, tile - 1, 17],
  [2 * tile + 3, tile + 3, 131],
];

describeWebGPU('variants of the tiled products', () => {
  let backend: WebGPUDevice;
  beforeAll(async () => {
    // Few workgroups a side, so that small shapes need the second axis of the grid.
    backend = await openWebGPU({ ...atDefaultLimits, maxGroupsPerSide: 3 });
  });
  afterAll(() => backend?.dispose());
  const small = (parts: number) => ({ tile: 'small', parts }) as const;

  for (const form of forms) {
    it(`${form}, rows that start at multiples of four`, () => check(backend, form, small(1), aligned(32)));
    it(`${form}, rows that do not`, () => check(backend, form, small(1), odd(32)));
    it(`${form}, some that do`, () =>
      check(backend, form, small(1), [
        [36, 35, 32],
        [35, 36, 32],
        [35, 36, 33],
        [36, 35, 33],
      ]));
    it(`${form}, k in parts`, () =>
      check(backend, form, small(3), [
        [9, 1, 1],
        [31, 33, 35],
        [32, 36, 100],
        [17, 5, 131],
      ]));
  }

  it('k in parts, operands in windows', () =>
    withWebGPU({ maxBindingBytes: 8192 }, async (narrow) => {
      for (const form of forms) await check(narrow, form, small(2), [[67, 19, 101]]);
      await check(narrow, 'gemmNN', small(2), [[44, 12, 132]]);
    }));

  // The element functions are those of the small tile: a shape that is bound as vec4 and an odd one will do.
  for (const tile of ['medium', 'large'] as const) {
    const { rows } = gemmTiles[tile];
    for (const form of forms) {
      it(`${form}, ${tile} tile`, async () => {
        await check(backend, form, { tile, parts: 1 }, [[rows + 4, rows - 4, 132]]);
        await check(backend, form, { tile, parts: 2 }, [
          [rows + 1, rows - 1, 37],
          [11, 3, 1],
        ]);
      });
    }
  }

  it('more rows of tiles than a band', () => check(backend, 'gemmNN', small(1), [[9 * 32 + 4, 68, 4]]));

  it('few rows, with as many threads as on hardware', () =>
    withWebGPU({ rowThreads: 256 }, async (hardware) => {
      const shapes: readonly Sides[] = [
        [1, 36, 260],
        [1, 31, 33],
        [2, 17, 1031],
        [3, 4, 1],
        [8, 132, 1028],
      ];
      for (const form of ['gemmNN', 'gemmNT'] as const) await check(hardware, form, small(1), shapes);
      // wide enough for eight groups of columns a workgroup
      await check(hardware, 'gemmNN', small(1), [[5, 2100, 40]]);
    }));

  it('k in parts: the same bits each time', async () => {
    backend.gemm.forced = small(5);
    const prepared = prepare('gemmTN', caseOf([37, 29, 515], 1));
    const first = await runCase(backend, 'WebGPU', prepared);
    for (let i = 0; i < 3; i++) expect(await runCase(backend, 'WebGPU', prepared)).toEqual(first);
  });

  it('makes no more parts than one binding holds', () =>
    withWebGPU({ maxBindingBytes: 8192 }, async (narrow) => {
      await check(narrow, 'gemmNN', small(4), [[32, 32, 60]]);
      // a, b, c and two parts
      expect(narrow.memory().peakBytes).toBeLessThanOrEqual(5 * 8192);
    }));

  it('products that are no longer split leave the parts to the buffer pool', async () => {
    backend.gemm.forced = small(3);
    const prepared = prepare('gemmTN', caseOf([37, 29, 131], 0));
    await runCase(backend, 'WebGPU', prepared);
    const { created } = backend.counts();
    for (let i = 0; i < 5; i++) await runCase(backend, 'WebGPU', prepared);
    expect(backend.counts().created).toBe(created);
  });
});

describe('chooseGemm', () => {
  const choose = (kind: keyof typeof gemmRates, [m, n, k]: Sides, most = 64) =>
    chooseGemm(gemmRates[kind], { m, n, k }, most);

  it('takes the large tile, whole, where it keeps a GPU busy', () => {
    for (const shape of [
      [2048, 3072, 768],
      [512, 50257, 768],
      [4096, 4096, 4096],
    ] as const)
      for (const kind of ['server', 'discrete'] as const)
        expect(choose(kind, shape)).toEqual({ tile: 'large', parts: 1 });
  });

  it('splits k where c has few tiles: weight gradients, dx of a head', () => {
    for (const shape of [
      [768, 768, 8192],
      [64, 768, 50257],
      [64, 64, 4096],
    ] as const)
      for (const kind of ['server', 'discrete'] as const) expect(choose(kind, shape).parts).toBeGreaterThan(1);
  });

  it('takes smaller tiles where large ones leave most of a large GPU idle', () => {
    expect(choose('server', [1024, 1024, 1024]).tile).not.toBe('large');
    expect(choose('discrete', [1024, 1024, 1024]).tile).toBe('large');
  });

  it('never splits a short k, nor into more parts than allowed', () => {
    for (const kind of ['server', 'discrete', 'integrated', 'software'] as const) {
      expect(choose(kind, [16, 16, 200]).parts).toBe(1);
      expect(choose(kind, [64, 64, 2 ** 20], 4).parts).toBeLessThanOrEqual(4);
    }
  });

  it('has tiles whose threads, memory and steps fit the least that every device gives', () => {
    for (const tile of floatTiles) {
      const { rows, cols, constants } = gemmTiles[tile];
      const { DOWN = 0, ACROSS = 0 } = constants;
      // as many blocks of 4 x 4 as threads, or two for each, at 16 steps
      if (tile !== 'small') expect([1, 2]).toContain((rows + cols) / (DOWN * ACROSS));
      expect(DOWN * ACROSS).toBeLessThanOrEqual(256);
      expect(16 * 4 * (rows + cols)).toBeLessThanOrEqual(16384);
      expect([DOWN % 4, ACROSS % 8, rows % 32, cols % 32]).toEqual([0, 0, 0, 0]);
    }
  });
});

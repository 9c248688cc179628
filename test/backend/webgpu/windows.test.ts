import { describe, expect, it } from 'vitest';
import { alphaBetaPairs, divergenceKinds, type KernelName, kernels } from '../../../src/backend/kernels/index.js';
import { windowsOf } from '../../../src/backend/webgpu/windows.js';
import { LimitError } from '../../../src/errors.js';
import type { AnyCase, Case } from '../../../src/testing/case.js';
import { cases } from '../../../src/testing/cases/index.js';
import { caseLabel, checkCase, prepare } from '../../../src/testing/compare.js';
import { describeWebGPU, withWebGPU } from './adapter.js';

const unlimited = Number.POSITIVE_INFINITY;

describe('windowsOf', () => {
  it('leaves a call whole that fits', () => {
    const limits = { maxBindingBytes: 4096, maxFlops: unlimited };
    expect(windowsOf('add', { size: 1024 }, 'size', limits)).toEqual([{ start: 0, count: 1024 }]);
  });

  it('starts every window at a multiple of 256 bytes of every operand', () => {
    const limits = { maxBindingBytes: 8192, maxFlops: unlimited };
    // 7 columns: only 64 rows make whole steps of 64 elements, and 4 x 64 rows would fit
    expect(windowsOf('columnSum', { rows: 600, cols: 7 }, 'rows', limits)).toEqual([
      { start: 0, count: 256 },
      { start: 256, count: 256 },
      { start: 512, count: 88 },
    ]);
  });

  it('cuts long dispatches that fit', () => {
    const windows = windowsOf('add', { size: 1000 }, 'size', { maxBindingBytes: 2 ** 20, maxFlops: 200 });
    expect(windows.map(({ count }) => count)).toEqual([192, 192, 192, 192, 192, 40]);
  });

  it('refuses what cannot be cut, with the numbers', () => {
    const limits = { maxBindingBytes: 1024, maxFlops: unlimited };
    // embedding is cut along the table's rows: its output stays whole
    const dims = { tokens: 100, rows: 4, cols: 8 };
    expect(() => windowsOf('embedding', dims, 'rows', limits)).toThrow(LimitError);
    expect(() => windowsOf('embedding', dims, 'rows', limits)).toThrow(
      /y needs a binding of 3\.1 KiB.*allows 1\.0 KiB/,
    );
    // 64 rows are the least that start at a multiple of 256 bytes
    expect(() => windowsOf('columnSum', { rows: 600, cols: 7 }, 'rows', limits)).toThrow(/bindings of 1\.8 KiB/);
  });
});

/** Roots of something: not negative. */
const fillDeviations = ({ rstd }: { readonly rstd: Float64Array }) => rstd.set(rstd.map(Math.abs));

/** Shapes whose large operand spans several windows of `maxBindingBytes`. */
const windowed: { readonly [K in KernelName]?: readonly (readonly [maxBindingBytes: number, Case<K>])[] } = {
  gemmNN: [
    // b cut along k, as for dx = dlogits w; then a and c along m as well
    [8192, { dims: { m: 5, n: 37, k: 211 }, params: { accumulate: 0 } }],
    [8192, { dims: { m: 5, n: 37, k: 211 }, params: { accumulate: 1 } }],
    [4096, { dims: { m: 67, n: 19, k: 101 }, params: { accumulate: 0 } }],
  ],
  gemmNT: [
    // b cut along n, as for the logits of a tied embedding; then c along m as well
    [8192, { dims: { m: 5, n: 211, k: 37 }, params: { accumulate: 0 } }],
    [8192, { dims: { m: 19, n: 301, k: 29 }, params: { accumulate: 1 } }],
  ],
  gemmTN: [
    // c cut along m, as for the gradient of a tied embedding; then a along k as well
    [8192, { dims: { m: 211, n: 37, k: 5 }, params: { accumulate: 1 } }],
    [8192, { dims: { m: 301, n: 29, k: 23 }, params: { accumulate: 0 } }],
  ],
  gemmNNF16: [
    [4096, { dims: { m: 5, n: 37, k: 211 }, params: { accumulate: 0, scale: 2 ** -5 } }],
    [4096, { dims: { m: 67, n: 19, k: 101 }, params: { accumulate: 1, scale: 1 } }],
  ],
  gemmNTF16: [
    [4096, { dims: { m: 5, n: 211, k: 37 }, params: { accumulate: 1, scale: 1 } }],
    [8192, { dims: { m: 19, n: 301, k: 28 }, params: { accumulate: 0, scale: 2 ** -5 } }],
  ],
  gemmNNInt8: [
    // b cut along k: each window has its own part of the scales
    [2048, { dims: { m: 5, n: 37, k: 211, groups: 1 }, params: { accumulate: 1 } }],
    [4096, { dims: { m: 67, n: 19, k: 101, groups: 1 }, params: { accumulate: 0 } }],
    [2048, { dims: { m: 5, n: 96, k: 67, groups: 3 }, params: { accumulate: 1 } }],
    [8192, { dims: { m: 19, n: 96, k: 101, groups: 3 }, params: { accumulate: 0 } }],
  ],
  gemmNTInt8: [
    // b cut along n: each window has its own part of the scales
    [2048, { dims: { m: 5, n: 211, k: 37, groups: 1 }, params: { accumulate: 1 } }],
    [8192, { dims: { m: 19, n: 301, k: 28, groups: 1 }, params: { accumulate: 0 } }],
    [2048, { dims: { m: 5, n: 67, k: 96, groups: 3 }, params: { accumulate: 1 } }],
    [8192, { dims: { m: 19, n: 151, k: 96, groups: 3 }, params: { accumulate: 0 } }],
  ],
  gemmNNInt4: [
    // b cut along k: each window has its own part of the scales, without and with minima
    [2048, { dims: { m: 5, n: 37, k: 211, halves: 2 }, params: { accumulate: 1, scale: 0.5 } }],
    [4096, { dims: { m: 67, n: 19, k: 101, halves: 2 }, params: { accumulate: 0, scale: 1 } }],
  ],
  gemmNTInt4: [
    // b cut along n
    [2048, { dims: { m: 5, n: 211, k: 37, halves: 4 }, params: { accumulate: 1, scale: 0.5 } }],
    [8192, { dims: { m: 19, n: 301, k: 92, halves: 3 }, params: { accumulate: 0, scale: 1 } }],
  ],
  add: [[1024, { dims: { size: 1003 }, params: {} }]],
  addInto: [[1024, { dims: { size: 1003 }, params: { scale: 0.7 } }]],
  dropout: [[1024, { dims: { size: 1003 }, params: { seed: 7, threshold: 2 ** 30, scale: 4 / 3 } }]],
  gelu: [[1024, { dims: { size: 1003 }, params: {} }]],
  sum: [
    [1024, { dims: { size: 1003, slots: 3 }, params: { slot: 1, accumulate: 0 } }],
    [1024, { dims: { size: 1003, slots: 3 }, params: { slot: 2, accumulate: 1 } }],
  ],
  sumSquares: [[1024, { dims: { size: 1003, slots: 3 }, params: { slot: 1, accumulate: 1 } }]],
  columnSum: [[8192, { dims: { rows: 601, cols: 7 }, params: { accumulate: 0 } }]],
  linearNT: [
    // b and with it the bias cut along n; c cut along m
    [2048, { dims: { m: 5, n: 211, k: 37 }, params: {} }],
    [8192, { dims: { m: 601, n: 70, k: 28 }, params: {} }],
  ],
  // b and with it its scales and the bias cut along n
  linearNTInt4: [[2048, { dims: { m: 5, n: 211, k: 37, halves: 4 }, params: { scale: 0.5 } }]],
  // b cut along k: the bias comes with the first window
  linearNN: [[4096, { dims: { m: 5, n: 37, k: 211 }, params: {} }]],
  geluBackward: [[1024, { dims: { size: 1003 }, params: {} }]],
  relu: [[1024, { dims: { size: 1003 }, params: {} }]],
  reluBackward: [[1024, { dims: { size: 1003 }, params: {} }]],
  layerNorm: [[8192, { dims: { rows: 200, cols: 13 }, params: { eps: 1e-5 } }]],
  layerNormBackward: [[8192, { dims: { rows: 200, cols: 13 }, params: {}, prepare: fillDeviations }]],
  layerNormBackwardWeights: [[8192, { dims: { rows: 200, cols: 13 }, params: {}, prepare: fillDeviations }]],
  rmsNorm: [[8192, { dims: { rows: 200, cols: 13 }, params: { eps: 1e-5, offset: 1 } }]],
  rmsNormBackward: [[8192, { dims: { rows: 200, cols: 13 }, params: { offset: 1 }, prepare: fillDeviations }]],
  rmsNormBackwardWeights: [[8192, { dims: { rows: 200, cols: 13 }, params: {}, prepare: fillDeviations }]],
  swiGLU: [[1024, { dims: { size: 1003 }, params: {} }]],
  swiGLUBackward: [[1024, { dims: { size: 1003 }, params: {} }]],
  geGLU: [[1024, { dims: { size: 1003 }, params: {} }]],
  geGLUBackward: [[1024, { dims: { size: 1003 }, params: {} }]],
  geluErf: [[1024, { dims: { size: 1003 }, params: {} }]],
  geluErfBackward: [[1024, { dims: { size: 1003 }, params: {} }]],
  swish: [[1024, { dims: { size: 1003 }, params: { slope: 1.702 } }]],
  swishBackward: [[1024, { dims: { size: 1003 }, params: { slope: 1.702 } }]],
  scale: [[1024, { dims: { size: 1003 }, params: { factor: 0.7 } }]],
  splitHeadsRotary: [
    [
      8192,
      {
        dims: { batch: 5, seq: 16, width: 48, heads: 3, capacity: 16, headDim: 8 },
        params: { column: 24, start: 0 },
      },
    ],
  ],
  mergeHeadsRotary: [
    [
      8192,
      {
        dims: { batch: 5, seq: 16, width: 48, parts: 2, heads: 3, headDim: 8 },
        params: { column: 24, part: 1 },
      },
    ],
  ],
  splitHeads: [
    [
      8192,
      {
        dims: { batch: 5, seq: 16, width: 48, heads: 3, capacity: 16, headDim: 8 },
        params: { column: 24, start: 0 },
      },
    ],
  ],
  mergeHeads: [
    [
      8192,
      {
        dims: { batch: 5, seq: 16, width: 48, parts: 2, heads: 3, headDim: 8 },
        params: { column: 24, part: 1 },
      },
    ],
  ],
  attentionDelta: [[4096, { dims: { batch: 5, heads: 2, queries: 32, headDim: 8 }, params: {} }]],
  crossEntropy: [[8192, { dims: { rows: 200, vocab: 13 }, params: { gradScale: 0.5 } }]],
  policyGradient: [[8192, { dims: { rows: 200, vocab: 13 }, params: { clip: 0.2, gradScale: 0.5 } }]],
  divergence: [
    [
      8192,
      {
        dims: { rows: 200, vocab: 13 },
        params: {
          ...{ weight: 0.1, temperature: 1.5, gradScale: 0.5, kind: divergenceKinds.skewKL },
          ...{ teacherTemperature: 1, clamp: 0 },
        },
      },
    ],
  ],
  alphaBeta: [
    [
      8192,
      {
        dims: { rows: 200, vocab: 13 },
        params: {
          ...{ weight: 0.4, power: 0.25, alpha: 0.2, beta: 0.7, pair: alphaBetaPairs.teacherMixture },
          ...{ temperature: 1.5, teacherTemperature: 1, gradScale: 0.5, clamp: 0 },
        },
      },
    ],
  ],
  sample: [
    [8192, { dims: { rows: 200, vocab: 13 }, params: { temperature: 1, topK: 7, topP: 0.9, step: 1, drawable: 11 } }],
  ],
};

describeWebGPU('operands over the binding limit', () => {
  for (const [kernel, list] of Object.entries(windowed) as [KernelName, [number, AnyCase][]][]) {
    for (const [maxBindingBytes, testCase] of list) {
      it(`${kernel} in windows of ${maxBindingBytes} bytes: ${caseLabel(testCase)}`, () =>
        withWebGPU({ maxBindingBytes }, async (backend) => {
          await checkCase(backend, 'WebGPU', prepare(kernel, testCase));
          expect(backend.counts().dispatches, 'the call was not cut').toBeGreaterThan(1);
        }));
    }
  }

  // Kernels that no shape above is for: the harness's cases know the rules of their operands (ids, optimizer states,
  // key ranges).
  const limits: { readonly [K in KernelName]?: number } = {
    attention: 2048,
    attentionBackwardQuery: 2048,
    attentionBackwardKeyValue: 2048,
    attentionBackwardBias: 2048,
    compareRows: 2048,
    topTokens: 2048,
    reduceToTop: 2048,
    spreadFromTop: 2048,
  };
  /** Dispatches of a call that is not cut; 0 where no case is. Left out: 1. */
  const dispatches: { readonly [K in KernelName]?: number } = {
    attentionBackwardBias: 2,
    embedding: 0,
    embeddingF16: 0,
    embeddingInt8: 0,
    embeddingInt4: 0,
    embeddingBackward: 0,
  };
  /** One workgroup in all: nothing to cut. */
  const single = new Set<KernelName>(['clipScale']);
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    if (kernel in windowed || single.has(kernel)) continue;
    const { [kernel]: maxBindingBytes = 8192 } = limits;
    const { [kernel]: whole = 1 } = dispatches;
    it(`${kernel}: every case of the harness that fits ${maxBindingBytes} bytes, cut where it can be`, () =>
      withWebGPU({ maxBindingBytes }, async (backend) => {
        let calls = 0;
        for (const testCase of cases[kernel] as readonly AnyCase[]) {
          try {
            await checkCase(backend, 'WebGPU', prepare(kernel, testCase));
            calls++;
          } catch (error) {
            if (!(error instanceof LimitError)) throw error;
          }
        }
        expect(calls).toBeGreaterThan(0);
        expect(backend.counts().dispatches, 'no call was cut').toBeGreaterThan(whole * calls);
        expect(backend.memory().liveStorages).toBe(0);
      }));
  }

  it('a matrix with a row that exceeds a binding is a LimitError', () =>
    withWebGPU({ maxBindingBytes: 1024 }, async (backend) => {
      const [a, b, c] = [4, 4 * 300, 4 * 300].map((bytes) => backend.allocate(bytes, 'matrix'));
      const operands = { a: a!, b: b!, c: c! };
      const call = { dims: { m: 1, n: 300, k: 1 }, operands, params: { accumulate: 0 } };
      expect(() => backend.run('gemmNN', call)).toThrow(LimitError);
    }));

  it('a table of more rows than one window: embedding forward and backward', () =>
    withWebGPU({ maxBindingBytes: 4096 }, async (backend) => {
      const [rows, cols, tokens] = [301, 16, 6];
      const table = Float32Array.from({ length: rows * cols }, (_, i) => i);
      const ids = Int32Array.of(300, 0, 64, 63, 128, 300);
      const store = (data: Float32Array | Int32Array, label: string) => {
        const storage = backend.allocate(data.byteLength, label);
        backend.write(storage, data);
        return storage;
      };
      const y = backend.allocate(4 * tokens * cols, 'y');
      const tableStorage = store(table, 'table');
      const dims = { tokens, rows, cols };
      backend.run('embedding', { dims, operands: { table: tableStorage, ids: store(ids, 'ids'), y }, params: {} });
      const want = Float32Array.from(
        { length: tokens * cols },
        (_, i) => table[ids[Math.floor(i / cols)]! * cols + (i % cols)]!,
      );
      expect(await backend.read(y, 'f32')).toEqual(want);

      const operands = {
        dy: store(new Float32Array(tokens * cols).fill(1), 'dy'),
        order: store(Int32Array.of(1, 3, 2, 4, 0, 5), 'order'),
        unique: store(Int32Array.of(0, 63, 64, 128, 300), 'unique'),
        starts: store(Int32Array.of(0, 1, 2, 3, 4, 6), 'starts'),
        dtable: store(new Float32Array(rows * cols), 'dtable'),
      };
      backend.run('embeddingBackward', { dims: { ...dims, uniques: 5, bounds: 6 }, operands, params: {} });
      const gradient = await backend.read(operands.dtable, 'f32');
      const rowSums = Array.from({ length: rows }, (_, r) =>
        Array.from(gradient.subarray(r * cols, (r + 1) * cols)).reduce((a, b) => a + b, 0),
      );
      const nonzero = rowSums.flatMap((sum, r) => (sum === 0 ? [] : [[r, sum]]));
      expect(nonzero).toEqual([
        [0, 16],
        [63, 16],
        [64, 16],
        [128, 16],
        [300, 32],
      ]);
    }));

  it('a grid of more than 65,535 workgroups is folded', () =>
    withWebGPU({}, async (backend) => {
      const size = 65_536 * 256 + 3;
      const storages = ['a', 'b', 'y'].map((label) => backend.allocate(4 * size, label));
      const [a, b, y] = storages as [(typeof storages)[0], (typeof storages)[0], (typeof storages)[0]];
      for (const storage of storages) backend.clear(storage);
      backend.write(a, Float32Array.of(1, 2, 3), 4 * (size - 3));
      backend.write(b, Float32Array.of(10, 20, 30), 4 * (size - 3));
      backend.run('add', { dims: { size }, operands: { a, b, y }, params: {} });
      expect(await backend.read(y, 'f32', 4 * (size - 4), 4)).toEqual(Float32Array.of(0, 11, 22, 33));
    }));
});

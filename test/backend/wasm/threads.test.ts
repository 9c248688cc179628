import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device, Storage, TypedArray } from '../../../src/backend/backend.js';
import { operandDType, resolveShape } from '../../../src/backend/check.js';
import {
  type Dims,
  entriesOf,
  hostArrays,
  type KernelName,
  type KernelSpec,
  kernels,
} from '../../../src/backend/kernels/index.js';
import { compileKernels, kernelGlobals } from '../../../src/backend/wasm/compile.js';
import { createDevice } from '../../../src/backend/wasm/createDevice.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import type { WasmArithmetic } from '../../../src/backend/wasm/kernelFiles.js';
import { cutPieces } from '../../../src/backend/wasm/products/cut.js';
import { f32ToF16 } from '../../../src/halfFloats.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { openPool } from '../../../src/hardware/wasm/pool.js';
import { packInt4 } from '../../../src/int4.js';
import type { AnyCase } from '../../../src/testing/case.js';
import { cases } from '../../../src/testing/cases/index.js';
import { caseLabel, prepare, runCase } from '../../../src/testing/compare.js';
import { createRandom } from '../../../src/testing/random.js';
import { arithmetics } from '../../harness/arithmetics.js';

const bits = (results: Record<string, TypedArray>) =>
  Object.fromEntries(Object.entries(results).map(([name, { buffer }]) => [name, new Uint8Array(buffer)]));

/** Every operand has the bytes that are wanted. A plain search: `toEqual` walks them ten times slower. */
function expectSame(found: Record<string, Uint8Array>, wanted: Record<string, Uint8Array>, label: string): void {
  for (const [name, bytes] of Object.entries(wanted)) {
    const other = found[name]!;
    expect(other.length, `${label}: ${name}`).toBe(bytes.length);
    expect(
      other.findIndex((byte, i) => byte !== bytes[i]),
      `${label}: first byte of ${name} that differs`,
    ).toBe(-1);
  }
}

/** A backend whose pool cuts every range into pieces of `grain`, however small, shared by three threads. */
async function openCut(grain: number, arithmetic: WasmArithmetic): Promise<Device> {
  const memory = createLinearMemory({ shared: true });
  const pool = await openPool(await compileKernels({ arithmetic, shared: true }), memory, 3, kernelGlobals());
  const prepare: typeof pool.prepare = (name, args, total, _, scratch) =>
    pool.prepare(name, args, total, Math.min(grain, total), scratch);
  return createDevice({ memory, pool: { ...pool, prepare } }, { revectorized: false, arithmetic });
}

/** More pieces of one element each show nothing that these do not. */
const MAX_PIECES = 10_000;

let opened: Readonly<Record<string, { readonly backends: Device[]; readonly cuts: Device[] }>>;
beforeAll(async () => {
  const entries = arithmetics.map(async (arithmetic) => {
    const backends = await Promise.all([1, 2, 3].map((threads) => openWasm({ threads, arithmetic })));
    // Ranges are cut alike in both; pieces of one element take the most time.
    const grains = arithmetic === 'plain' ? [1, 5] : [5];
    return [arithmetic, { backends, cuts: await Promise.all(grains.map((grain) => openCut(grain, arithmetic))) }];
  });
  opened = Object.fromEntries(await Promise.all(entries));
});
afterAll(async () => {
  for (const { backends, cuts } of Object.values(opened)) {
    for (const backend of [...backends, ...cuts]) await backend.dispose();
  }
});

describe('gives the same bits however its range is cut', () => {
  it.each(Object.keys(kernels) as KernelName[])('%s', async (kernel) => {
    for (const testCase of cases[kernel] as readonly AnyCase[]) {
      if (Math.max(...Object.values(testCase.dims)) > MAX_PIECES) continue;
      const prepared = prepare(kernel, testCase);
      for (const [arithmetic, { backends, cuts }] of Object.entries(opened)) {
        const want = bits(await runCase(backends[0]!, 'one thread', prepared));
        for (const cut of cuts) {
          expectSame(bits(await runCase(cut, 'cut', prepared)), want, `${arithmetic}, ${caseLabel(testCase)}`);
        }
      }
    }
  });
});

type Call = [kernel: KernelName, dims: Dims, params: Record<string, number>];

/** Shapes that are large enough for the backend itself to share them out: of the general, the skinny path, of sums. */
const large: readonly Call[] = [
  ...(['gemmNN', 'gemmNT', 'gemmTN'] as const).flatMap((kernel): Call[] => [
    [kernel, { m: 131, n: 203, k: 301 }, { accumulate: 1 }],
    [kernel, { m: 517, n: 67, k: 129 }, { accumulate: 0 }],
    [kernel, { m: 5, n: 2003, k: 517 }, { accumulate: 1 }],
    [kernel, { m: 29, n: 403, k: 1029 }, { accumulate: 0 }],
  ]),
  ...(['gemmNNF16', 'gemmNTF16', 'gemmNNInt8', 'gemmNTInt8'] as const).flatMap((kernel): Call[] => [
    [kernel, { m: 131, n: 203, k: 301, groups: 1 }, { accumulate: 1, scale: 0.25 }],
    [kernel, { m: 5, n: 2003, k: 517, groups: 1 }, { accumulate: 0, scale: 0.25 }],
    [kernel, { m: 1, n: 2003, k: 517, groups: 1 }, { accumulate: 1, scale: 0.25 }],
    [kernel, { m: 7, n: 2003, k: 528, groups: 1 }, { accumulate: 1, scale: 0.25 }],
  ]),
  ['gemmNNInt8', { m: 131, n: 192, k: 301, groups: 6 }, { accumulate: 1 }],
  ['gemmNTInt8', { m: 131, n: 203, k: 320, groups: 10 }, { accumulate: 1 }],
  ['gemmNTInt8', { m: 1, n: 2003, k: 544, groups: 17 }, { accumulate: 0 }],
  ...(['gemmNNInt4', 'gemmNTInt4'] as const).flatMap((kernel, index) =>
    (
      [
        [131, 203, 301],
        [5, 2003, 517],
        [1, 2003, 517],
        [7, 2003, 576],
      ] as const
    ).map(([m, n, k], i): Call => {
      const halves = Math.ceil((index === 0 ? n : k) / 32) * (1 + (i % 2));
      return [kernel, { m, n, k, halves }, { accumulate: i % 2, scale: 0.25 }];
    }),
  ),
  ['add', { size: 500_009 }, {}],
  ['sum', { size: 500_009, slots: 2 }, { slot: 1, accumulate: 0 }],
  ['sumSquares', { size: 500_009, slots: 2 }, { slot: 1, accumulate: 1 }],
  ['columnSum', { rows: 1003, cols: 701 }, { accumulate: 0 }],
  ['layerNormBackwardWeights', { rows: 401, cols: 701 }, {}],
  ['rmsNorm', { rows: 401, cols: 701 }, { eps: 1e-5, offset: 1 }],
  ['rmsNormBackwardWeights', { rows: 401, cols: 701 }, {}],
  ['swiGLUBackward', { size: 500_009 }, {}],
  ['geGLUBackward', { size: 500_009 }, {}],
  ['geluErfBackward', { size: 500_009 }, {}],
  [
    'splitHeadsRotary',
    { batch: 4, seq: 101, width: 768, heads: 12, capacity: 101, headDim: 64 },
    { column: 0, start: 0 },
  ],
];

/** Operands of small random numbers for a call, the same each time. */
function operandsOf([kernel, dims]: Call): Record<string, TypedArray> {
  const spec: KernelSpec = kernels[kernel];
  const random = createRandom(7);
  const values: Record<string, TypedArray> = {};
  for (const [name, operand] of Object.entries({ ...spec.in, ...spec.inout, ...spec.out })) {
    const dtype = operandDType(operand);
    const length = entriesOf(dtype, resolveShape(operand, dims));
    const normal = Float32Array.from({ length }, () => random.normal());
    values[name] =
      dtype === 'f16'
        ? f32ToF16(normal)
        : dtype === 'f32'
          ? normal
          : hostArrays[dtype].from(normal.map((x) => Math.round(30 * x)));
  }
  return values;
}

/** Runs a call on operands that hold `values`; gives what it wrote. */
async function runCall(
  backend: Device,
  [kernel, dims, params]: Call,
  values: Readonly<Record<string, TypedArray>>,
): Promise<Record<string, TypedArray>> {
  const spec: KernelSpec = kernels[kernel];
  const operands: Record<string, Storage> = {};
  for (const [name, data] of Object.entries(values)) {
    operands[name] = backend.allocate(4 * Math.ceil(data.byteLength / 4), name);
    backend.write(operands[name], data);
  }
  backend.run(kernel, { dims, operands, params } as never);
  const results: Record<string, TypedArray> = {};
  for (const name of Object.keys({ ...spec.inout, ...spec.out })) {
    results[name] = await backend.read(operands[name]!, 'f32');
  }
  for (const storage of Object.values(operands)) backend.free(storage);
  return results;
}

describe('gives the same bits on one, two and three threads', () => {
  it.each(large)('%s %o', async (...call) => {
    const values = operandsOf(call);
    for (const [arithmetic, { backends }] of Object.entries(opened)) {
      const [one, two, three] = await Promise.all(backends.map((backend) => runCall(backend, call, values)));
      for (const other of [two!, three!]) expectSame(bits(other), bits(one!), `${arithmetic}, ${call[0]}`);
    }
  });
});

describe('gives the same bits with sums of 8 and of 16 columns, whatever the heights of the panels of rows', () => {
  const open = async (arithmetic: WasmArithmetic, wideTiles: 0 | 1) => {
    const memory = createLinearMemory({ shared: true });
    const module = await compileKernels({ arithmetic, shared: true });
    const pool = await openPool(module, memory, 2, { wideTiles });
    return createDevice({ memory, pool }, { revectorized: false, arithmetic });
  };
  it.each(arithmetics)('%s arithmetic', async (arithmetic) => {
    const [narrow, wide] = [await open(arithmetic, 0), await open(arithmetic, 1)];
    try {
      for (const kernel of ['gemmNN', 'gemmNT', 'gemmTN'] as const) {
        for (const m of [3, 5, 8, 33, 34, 35, 36, 37, 38, 39, 40, 43, 203]) {
          const call: Call = [kernel, { m, n: 77, k: 301 }, { accumulate: m % 2 }];
          const values = operandsOf(call);
          const [eight, sixteen] = [await runCall(narrow, call, values), await runCall(wide, call, values)];
          expectSame(bits(eight), bits(sixteen), `${kernel}, ${m} rows`);
        }
      }
      for (const [m, k] of [
        [2, 304],
        [3, 301],
        [8, 304],
        [11, 301],
        [40, 301],
      ] as const) {
        const call: Call = ['gemmNTF16', { m, n: 77, k }, { accumulate: 1, scale: 0.25 }];
        const values = operandsOf(call);
        const [eight, sixteen] = [await runCall(narrow, call, values), await runCall(wide, call, values)];
        expectSame(bits(eight), bits(sixteen), `f16, ${m} rows`);
      }
    } finally {
      for (const device of [narrow, wide]) await device.dispose();
    }
  });
});

describe('gives a row of a product the same bits whatever rows are beside it', () => {
  it.each([
    ['gemmNN', 33, 517],
    ['gemmNN', 1024, 515],
    ['gemmNN', 517, 1031],
    ['gemmNT', 130, 1031],
    ['gemmNT', 130, 768],
    ['gemmNTF16', 130, 1031],
    ['gemmNTF16', 67, 768],
    ['gemmNTInt8', 67, 2075],
    ['gemmNTInt8, in groups', 67, 1120],
    ['gemmNTInt4', 67, 1120],
    ['gemmNTInt4', 67, 1031],
  ] as const)('%s, n %i, k %i', async (name, n, k) => {
    const kernel = name === 'gemmNTInt8, in groups' ? 'gemmNTInt8' : name;
    const values = Float32Array.from({ length: n * k }, (_, i) => Math.fround(Math.sin(i)));
    const halves = Math.ceil(k / 32);
    const groups = kernel === name ? 1 : halves;
    const held = {
      gemmNN: { b: values },
      gemmNT: { b: values },
      gemmNTF16: { b: f32ToF16(values) },
      gemmNTInt8: {
        b: Int8Array.from(values, (x) => 127 * x),
        scales: Float32Array.from({ length: n * groups }, (_, j) => 0.01 + j),
      },
      gemmNTInt4: {
        b: packInt4(
          values.map((x) => Math.floor(8 * x + 8)),
          [n, k],
        ),
        scales: f32ToF16(Float32Array.from({ length: n * halves }, (_, j) => 0.01 + Math.sin(j))),
      },
    }[kernel];
    // Sums of integers run one way for any number of rows, sums of floats for up to 32.
    const most = /Int[48]$/.test(kernel) ? 66 : 32;
    const rows = Float32Array.from({ length: most * k }, (_, i) => Math.fround(Math.cos(i)));
    const product = async (backend: Device, m: number) => {
      const dims = { m, n, k, groups, ...(kernel === 'gemmNTInt4' && { halves }) };
      const call: Call = [kernel, dims, { accumulate: 0, scale: 0.25 }];
      const { c } = await runCall(backend, call, {
        ...{ a: rows.subarray(0, m * k), ...held, c: new Float32Array(m * n) },
      });
      return new Uint32Array(c!.buffer);
    };
    for (const { backends } of Object.values(opened)) {
      const all = await product(backends[1]!, most);
      for (const m of [1, 2, 3, 4, 5, 6, 7, 8, 31, ...(most > 32 ? [33, 64] : [])]) {
        const some = await product(backends[1]!, m);
        expect(some.findIndex((word, i) => word !== all[i])).toBe(-1);
      }
    }
  });
});

it.each(arithmetics)(
  'products with bytes are exact where the left operand is integers of 15 bits, %s',
  async (arithmetic) => {
    // Three groups of 1024 that share a scale, the last incomplete, each with its largest; extremes in whole groups
    // first.
    const [m, n, k] = [5, 7, 2075];
    const a = Float32Array.from({ length: m * k }, (_, i) => (i < k ? 16383 : ((i * 7919) % 32767) - 16383));
    const b = Int8Array.from({ length: n * k }, (_, i) => (i < k ? -128 : ((i * 104_729) % 256) - 128));
    for (let row = 0; row < m; row++) for (const p of [0, 1024, 2074]) a[row * k + p] = 16383;
    const scales = Float32Array.from({ length: n }, (_, j) => 2 ** -j);
    const call: Call = ['gemmNTInt8', { m, n, k, groups: 1 }, { accumulate: 0 }];
    const { c } = await runCall(opened[arithmetic]!.backends[0]!, call, { a, b, scales, c: new Float32Array(m * n) });
    for (let i = 0; i < m * n; i++) {
      const [row, column] = [Math.floor(i / n), i % n];
      let want = 0;
      for (const [first, last] of [
        [0, 1024],
        [1024, 2048],
        [2048, k],
      ] as const) {
        let sum = 0;
        for (let p = first; p < last; p++) sum += a[row * k + p]! * b[column * k + p]!;
        want = Math.fround(want + Math.fround(sum));
      }
      expect(c![i]).toBe(want * scales[column]!);
    }
  },
);

it('products with bytes keep what is not a number', async () => {
  const call: Call = ['gemmNTInt8', { m: 3, n: 1, k: 40, groups: 1 }, { accumulate: 0 }];
  const a = new Float32Array(120).fill(1);
  [a[7], a[47]] = [Number.NaN, Number.POSITIVE_INFINITY];
  const operands = { a, b: new Int8Array(40).fill(3), scales: Float32Array.of(0.5), c: new Float32Array(3) };
  const { c } = await runCall(opened.plain!.backends[0]!, call, operands);
  expect([Number.isFinite(c![0]), Number.isFinite(c![1]), c![2]]).toEqual([false, false, 60]);
});

it('matrix products are cut into even pieces when they are worth it', () => {
  expect(cutPieces(64, 64, 64, 2)).toEqual({ rows: 64, cols: 64 });
  expect(cutPieces(512, 768, 768, 2)).toEqual({ rows: 512, cols: 384 });
  expect(cutPieces(4096, 64, 768, 2)).toEqual({ rows: 2048, cols: 64 });
});

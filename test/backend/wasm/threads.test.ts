import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, Storage, TypedArray } from '../../../src/backend/backend.js';
import { operandDType, resolveShape } from '../../../src/backend/check.js';
import { type Dims, type KernelName, type KernelSpec, kernels, storageBytes } from '../../../src/backend/kernels.js';
import { compileKernels } from '../../../src/backend/wasm/compile.js';
import { createBackend } from '../../../src/backend/wasm/createBackend.js';
import { cutPieces } from '../../../src/backend/wasm/gemm.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { createLinearMemory } from '../../../src/device/wasm/memory.js';
import { openPool } from '../../../src/device/wasm/pool.js';
import { f32ToF16 } from '../../../src/io/halfFloats.js';
import type { AnyCase } from '../../harness/case.js';
import { cases } from '../../harness/cases.js';
import { caseLabel, prepare, runCase } from '../../harness/compare.js';
import { createRandom } from '../../harness/random.js';

const bits = (results: Record<string, TypedArray>) =>
  Object.fromEntries(Object.entries(results).map(([name, { buffer }]) => [name, new Uint8Array(buffer)]));

/** A backend whose pool cuts every range into pieces of `grain`, however small, shared by three threads. */
async function openCut(grain: number): Promise<Backend> {
  const memory = createLinearMemory({ shared: true });
  const pool = await openPool(await compileKernels('shared'), memory, 3);
  const parallel: typeof pool.parallel = (name, args, total, _, scratch) =>
    pool.parallel(name, args, total, Math.min(grain, total), scratch);
  return createBackend({ memory, pool: { ...pool, parallel } }, { revectorized: false });
}

/** More pieces of one element each show nothing that these do not. */
const MAX_PIECES = 10_000;

let backends: Backend[];
let cuts: Backend[];
beforeAll(async () => {
  backends = await Promise.all([1, 2, 3].map((threads) => openWasm({ threads })));
  cuts = await Promise.all([1, 5].map(openCut));
});
afterAll(async () => {
  for (const backend of [...backends, ...cuts]) await backend.dispose();
});

describe('gives the same bits however its range is cut', () => {
  it.each(Object.keys(kernels) as KernelName[])('%s', async (kernel) => {
    for (const testCase of cases[kernel] as readonly AnyCase[]) {
      if (Math.max(...Object.values(testCase.dims)) > MAX_PIECES) continue;
      const prepared = prepare(kernel, testCase);
      const want = bits(await runCase(backends[0]!, 'one thread', prepared));
      for (const cut of cuts) {
        expect(bits(await runCase(cut, 'cut', prepared)), caseLabel(testCase)).toEqual(want);
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
  ...(['gemmNNHalf', 'gemmNTHalf', 'gemmNNInt8', 'gemmNTInt8'] as const).flatMap((kernel): Call[] => [
    [kernel, { m: 131, n: 203, k: 301 }, { accumulate: 1 }],
    [kernel, { m: 5, n: 2003, k: 517 }, { accumulate: 0 }],
    [kernel, { m: 1, n: 2003, k: 517 }, { accumulate: 1 }],
  ]),
  ['add', { size: 500_009 }, {}],
  ['sum', { size: 500_009, slots: 2 }, { slot: 1, accumulate: 0 }],
  ['sumSquares', { size: 500_009, slots: 2 }, { slot: 1, accumulate: 1 }],
  ['columnSum', { rows: 1003, cols: 701 }, { accumulate: 0 }],
  ['layerNormBackwardWeights', { rows: 401, cols: 701 }, {}],
];

/** Runs a call on operands of small random numbers, the same each time; gives what it wrote. */
async function runLarge(backend: Backend, [kernel, dims, params]: Call): Promise<Record<string, TypedArray>> {
  const spec: KernelSpec = kernels[kernel];
  const random = createRandom(7);
  const operands: Record<string, Storage> = {};
  for (const [name, operand] of Object.entries({ ...spec.in, ...spec.inout, ...spec.out })) {
    const size = resolveShape(operand, dims).reduce((product, extent) => product * extent, 1);
    const dtype = operandDType(operand);
    const values = Float32Array.from({ length: size }, () => random.normal());
    operands[name] = backend.allocate(storageBytes(dtype, size), name);
    backend.write(
      operands[name],
      dtype === 'f16' ? f32ToF16(values) : dtype === 'i8' ? Int8Array.from(values, (x) => 30 * x) : values,
    );
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
    const [one, two, three] = await Promise.all(backends.map((backend) => runLarge(backend, call)));
    // Comparing bytes by `every` keeps the test fast; `toEqual` walks them ten times slower.
    for (const [name, want] of Object.entries(bits(one!))) {
      for (const other of [two!, three!]) {
        expect(bits(other)[name]!.findIndex((byte, i) => byte !== want[i])).toBe(-1);
      }
    }
  });
});

it('matrix products are cut into even pieces when they are worth it', () => {
  expect(cutPieces(64, 64, 64, 2)).toEqual({ rows: 64, cols: 64 });
  expect(cutPieces(512, 768, 768, 2)).toEqual({ rows: 512, cols: 384 });
  expect(cutPieces(4096, 64, 768, 2)).toEqual({ rows: 2048, cols: 64 });
});

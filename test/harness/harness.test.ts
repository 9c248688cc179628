import { describe, expect, it } from 'vitest';
import type { KernelName } from '../../src/backend/kernels/index.js';
import type { AnyCase } from '../../src/testing/case.js';
import { cases } from '../../src/testing/cases/index.js';
import { checkCase, prepare } from '../../src/testing/compare.js';
import { compareUlp, ulpAt } from '../../src/testing/ulp.js';
import { COMPILING_MS, forEachBackend } from './backends.js';
import { openReference } from './referenceBackend.js';

const small = (kernel: KernelName, at = 1) => prepare(kernel, cases[kernel][at] as AnyCase);

describe('the harness', () => {
  it('accepts the reference rounded to f32, for every kernel and case', async () => {
    const backend = openReference({ precision: 'f32' });
    for (const kernel of Object.keys(cases) as KernelName[]) {
      for (const testCase of cases[kernel]) await checkCase(backend, 'reference', prepare(kernel, testCase as AnyCase));
    }
    expect(backend.memory().liveStorages).toBe(0);
  });

  it('reports a wrong element with kernel, backend, case, seed, index and error', async () => {
    const backend = openReference({
      precision: 'f32',
      after: (_, { y }) => {
        y![3]! += 0.01;
      },
    });
    await expect(checkCase(backend, 'a broken backend', small('layerNorm'))).rejects.toThrow(
      /layerNorm on a broken backend: output 'y'[\s\S]*rows 3, cols 2[\s\S]*seed \d+[\s\S]*differ 1 of 6[\s\S]*\[3\]: got[\s\S]*ULP of [\d.]+ allowed/,
    );
  });

  it('reports an element that was not written, and one that is NaN without reason', async () => {
    const backend = openReference({
      precision: 'f32',
      after: (_, { y }) => {
        y![5] = Number.NaN;
      },
    });
    await expect(checkCase(backend, 'broken', small('add', 3))).rejects.toThrow(/got NaN/);
  });

  it('reports a destination that was read although accumulate is 0', async () => {
    const prepared = small('gemmNN', 2);
    expect(prepared.params.accumulate).toBe(0);
    const reading = openReference({
      precision: 'f32',
      after: (_, { c }) => {
        c![0]! += 0 * Number.NaN;
      },
    });
    await expect(checkCase(reading, 'reading', prepared)).rejects.toThrow(/output 'c'/);
  });

  it('reports a write past the end of an output', async () => {
    const backend = openReference({
      precision: 'f32',
      after: (_, { y }) => {
        y![7] = 0;
      },
    });
    await expect(checkCase(backend, 'broken', small('gelu', 3))).rejects.toThrow(/wrote past the end of 'y'.*7 of 7/);
  });

  it('reports a kernel that changes its input', async () => {
    const backend = openReference({
      precision: 'f32',
      after: (_, { a }) => {
        a![0] = 5;
      },
    });
    await expect(checkCase(backend, 'broken', small('gemmNT'))).rejects.toThrow(/changed its input 'a'/);
  });

  it('counts ULP at the scale, and takes f32 subnormals for zero', () => {
    expect(ulpAt(1)).toBe(2 ** -23);
    expect(ulpAt(1.99)).toBe(2 ** -23);
    expect(ulpAt(4)).toBe(2 ** -21);
    const want = { value: Float64Array.of(1e-40, 1), scale: Float64Array.of(1e-40, 8) };
    expect(compareUlp([0, 1 + 2 ** -20], want, 0).worst).toMatchObject({ index: 1, ulp: 1 });
  });
});

forEachBackend(() => {
  describe('a suite of a backend', () => {
    it('has the time that a software GPU takes for its shaders', ({ task }) => {
      expect(task.timeout).toBe(COMPILING_MS);
    });
  });
});

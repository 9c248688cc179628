import { describe, expect, it } from 'vitest';
import { bindDims, checkParams, type OperandShape, resolveShape } from '../../src/backend/check.js';
import { type KernelName, type KernelSpec, kernels } from '../../src/backend/kernels/index.js';
import { OptionError, ShapeError } from '../../src/errors.js';

const f32 = (...shape: number[]): OperandShape => ({ shape, dtype: 'f32' });
const i32 = (...shape: number[]): OperandShape => ({ shape, dtype: 'i32' });

describe('bindDims', () => {
  it('binds every dim from what the caller has, in and inout', () => {
    expect(bindDims('gemmNT', { a: f32(2, 3), b: f32(5, 3), c: f32(2, 5) })).toEqual({ m: 2, n: 5, k: 3 });
    const heads = { x: f32(2, 3, 24), y: f32(2, 4, 7, 2) };
    expect(bindDims('splitHeads', heads)).toEqual({ batch: 2, seq: 3, width: 24, heads: 4, capacity: 7, headDim: 2 });
  });

  it('says which operand contradicts which', () => {
    const wrong = () => bindDims('gemmNN', { a: f32(2, 3), b: f32(4, 5), c: f32(2, 5) });
    expect(wrong).toThrow(ShapeError);
    expect(wrong).toThrow('gemmNN: b is [4, 5], expected [3, n] (k comes from a [2, 3]).');
    expect(catchError(wrong)).toMatchObject({ found: [4, 5], expected: [3, 'n'] });
  });

  it('holds fixed extents', () => {
    const operands = { y: f32(1, 1, 3, 2), dy: f32(1, 1, 3, 2), stats: f32(1, 1, 3, 3) };
    expect(() => bindDims('attentionDelta', operands)).toThrow('stats is [1, 1, 3, 3], expected [1, 1, 3, 2]');
  });

  it('refuses another rank, dtype, an empty axis, and a missing operand', () => {
    expect(() => bindDims('add', { a: f32(2, 3), b: f32(6) })).toThrow('add: a is [2, 3], expected [size].');
    expect(() => bindDims('embedding', { table: f32(3, 2), ids: f32(4) })).toThrow('ids is f32, expected i32');
    expect(() => bindDims('embedding', { table: f32(3, 2), ids: i32(0) })).toThrow('ids is [0], expected [tokens]');
    expect(() => bindDims('add', { a: f32(2) })).toThrow("add: operand 'b' [size] is missing.");
  });

  it('can bind all dims of every kernel, which have at most the 8 operands that WebGPU guarantees', () => {
    for (const kernel of Object.keys(kernels) as KernelName[]) {
      const spec: KernelSpec = kernels[kernel];
      const dims = Object.fromEntries(spec.dims.map((name, i) => [name, i + 2]));
      const given = Object.fromEntries(
        Object.entries({ ...spec.in, ...spec.inout }).map(([name, operand]) => {
          const dtype = 'shape' in operand ? operand.dtype : 'f32';
          return [name, { shape: resolveShape(operand, dims), dtype }];
        }),
      );
      expect(bindDims(kernel, given), kernel).toEqual(dims);
      expect(Object.keys({ ...spec.in, ...spec.inout, ...spec.out }).length, kernel).toBeLessThanOrEqual(8);
    }
  });
});

describe('checkParams', () => {
  it('names the first param or constant that is no number, of any kernel', () => {
    const params = { weight: 0.1, temperature: 1, gradScale: 1, teacherTemperature: 1, clamp: 0 };
    expect(() => checkParams('divergence', params as never)).toThrow(
      'divergence: kind is undefined, expected a number.',
    );
    expect(() => checkParams('divergence', { ...params, kind: '1' } as never)).toThrow(OptionError);
    checkParams('divergence', { ...params, kind: 0 });
    for (const kernel of Object.keys(kernels) as KernelName[]) {
      const spec: KernelSpec = kernels[kernel];
      const names = Object.keys({ ...spec.params, ...spec.constants });
      const whole = Object.fromEntries(names.map((name) => [name, NaN]));
      checkParams(kernel, whole as never);
      for (const name of names)
        expect(() => checkParams(kernel, { ...whole, [name]: undefined } as never), kernel).toThrow(name);
    }
  });
});

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

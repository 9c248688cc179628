import { describe, expect, it } from 'vitest';
import { DisposedError, ShapeError } from '../../src/errors.js';
import { add, gelu, keep, Tensor, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const setUp = () => {
  const device = openReference();
  return { device, x: Tensor.from(device, Float32Array.of(1, 2, 3), [3]), live: () => device.memory().liveStorages };
};

describe('tidy', () => {
  it('disposes of everything made in it except what it returns', async () => {
    const { x, live } = setUp();
    const y = tidy(() => gelu(add(add(x, x), x)));
    expect(live()).toBe(2);
    expect((await y.read())[2]).toBeCloseTo(9, 6);
  });

  it('keeps arrays and objects of tensors', () => {
    const { x, live } = setUp();
    const [a, b] = tidy(() => [add(x, x), gelu(add(x, x))]);
    const { c } = tidy(() => ({ c: gelu(x), size: 3 }));
    expect(live()).toBe(4);
    for (const tensor of [a, b, c, x]) tensor!.dispose();
    expect(live()).toBe(0);
  });

  it('hands what an inner tidy returns to the outer one', () => {
    const { x, live } = setUp();
    tidy(() => {
      const y = tidy(() => add(x, x));
      expect(y.disposed).toBe(false);
    });
    expect(live()).toBe(1);
  });

  it('leaves alone what was kept, and what was made before it', () => {
    const { x, live } = setUp();
    let kept: Tensor | undefined;
    tidy(() => {
      kept = keep(add(x, x));
      gelu(x);
    });
    expect(kept!.disposed).toBe(false);
    expect(x.disposed).toBe(false);
    expect(live()).toBe(2);
  });

  it('cleans up when the work throws', () => {
    const { device, x, live } = setUp();
    const failing = () =>
      tidy(() => {
        gelu(x);
        return add(x, Tensor.zeros(device, [4]));
      });
    expect(failing).toThrow(ShapeError);
    expect(live()).toBe(1);
    tidy(() => gelu(x));
  });
});

describe('Tensor', () => {
  it('frees shared memory with the last tensor on it', async () => {
    const { x, live } = setUp();
    const row = x.alias([1, 3]);
    expect(x.exclusive).toBe(false);
    x.dispose();
    x.dispose();
    expect(live()).toBe(1);
    expect(Array.from(await row.read())).toEqual([1, 2, 3]);
    row[Symbol.dispose]();
    expect(live()).toBe(0);
  });

  it('refuses to be used after it was disposed of', () => {
    const { x } = setUp();
    x.dispose();
    expect(() => gelu(x)).toThrow(DisposedError);
    expect(() => gelu(x)).toThrow('shape [3] was used after it was disposed');
  });

  it('refuses data and shapes that do not fit', () => {
    const { device, x } = setUp();
    expect(() => Tensor.from(device, new Float32Array(5), [2, 3])).toThrow('5 elements do not fill the shape [2, 3]');
    expect(() => Tensor.empty(device, [2, 0])).toThrow(ShapeError);
    expect(() => x.set(new Float32Array(4))).toThrow('4 elements for a tensor of [3]');
    // As many bytes: only the dtype tells them apart.
    const numbers = { found: 'i32', expected: 'f32' };
    expect(() => x.set(new Int32Array(3))).toThrow(new ShapeError('set: i32 elements for a tensor of f32.', numbers));
    expect(() => x.alias([2, 2])).toThrow('Cannot see [3] as [2, 2]');
  });
});

import { afterEach, expect, it } from 'vitest';
import { LimitError, ShapeError } from '../../src/errors.js';
import { madeValues, tensorOf, type Values } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
afterEach(() => expect(device.memory().liveStorages).toBe(0));

/** The numbers 1 to 6 in pieces of these lengths, in one buffer that is used again, as files are read. */
const inPieces = (...lengths: number[]): Values => ({
  all: async () => expect.unreachable(),
  async *pieces() {
    const buffer = new Float32Array(6);
    let next = 1;
    for (const length of lengths) {
      for (let i = 0; i < length; i++) buffer[i] = next++;
      yield buffer.subarray(0, length);
    }
  },
});

it('a tensor is filled piece by piece', async () => {
  for (const values of [inPieces(6), inPieces(1, 4, 1), madeValues(() => Float32Array.of(1, 2, 3, 4, 5, 6))]) {
    using tensor = await tensorOf(device, values, [2, 3], 'x');
    expect([tensor.shape, tensor.dtype]).toEqual([[2, 3], 'f32']);
    expect(await tensor.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  }
});

it('pieces that do not fill it are refused, and its memory is freed', async () => {
  await expect(tensorOf(device, inPieces(2, 2), [5], 'x')).rejects.toThrow(/x: 4 elements do not fill the shape \[5\]/);
  await expect(tensorOf(device, inPieces(3, 3), [5], 'x')).rejects.toBeInstanceOf(ShapeError);
  const broken: Values = {
    ...inPieces(),
    // biome-ignore lint/correctness/useYield: it fails before
    async *pieces() {
      throw new LimitError('the file was cut');
    },
  };
  await expect(tensorOf(device, broken, [5], 'x')).rejects.toThrow('the file was cut');
});

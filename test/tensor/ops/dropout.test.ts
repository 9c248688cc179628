import { describe, expect, it } from 'vitest';
import { OptionError } from '../../../src/errors.js';
import { dropout, Tensor } from '../../../src/tensor/index.js';
import { forEachBackend } from '../../harness/backends.js';
import { gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

gradientTests(
  [[1], [3, 7], [131]].map((shape) => ({
    name: `dropout [${shape}]`,
    inputs: { x: shape },
    forward: ({ x }) => dropout(x!, { probability: 0.3, seed: 11 }),
  })),
);

/** Which of `size` ones survive, and what becomes of them. */
async function survivors(device: ReturnType<typeof openReference> | Tensor['device'], size: number, seed: number) {
  const x = Tensor.from(device, new Float32Array(size).fill(1), [size]);
  const y = dropout(x, { probability: 0.25, seed });
  const values = Array.from(await y.read());
  x.dispose();
  y.dispose();
  return values;
}

forEachBackend((backend) => {
  it('drops the same elements as every other backend', async () => {
    expect(await survivors(backend(), 1031, 5)).toEqual(await survivors(openReference(), 1031, 5));
  });
});

describe('dropout', () => {
  it('drops about the wanted share, scales the rest, and depends on the seed', async () => {
    const first = await survivors(openReference(), 20_000, 1);
    expect(first.filter((v) => v === 0).length / first.length).toBeCloseTo(0.25, 2);
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(first).not.toEqual(await survivors(openReference(), 20_000, 2));
  });

  it('does not drop neighbours together', async () => {
    const values = await survivors(openReference(), 20_000, 3);
    const pairs = values.filter((v, i) => v === 0 && values[i + 1] === 0).length / values.length;
    expect(pairs).toBeCloseTo(0.25 ** 2, 2);
  });

  it('refuses a probability of 1, and gives x itself for 0', () => {
    const x = Tensor.zeros(openReference(), [3]);
    expect(() => dropout(x, { probability: 1, seed: 0 })).toThrow(OptionError);
    expect(dropout(x, { probability: 0, seed: 0 })).toBe(x);
  });
});

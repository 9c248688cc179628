import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { ShapeError } from '../../src/errors.js';
import { packInt4 } from '../../src/int4.js';
import {
  add,
  embedding,
  f16Weight,
  f32Weight,
  fileDTypeOf,
  holdWeight,
  int4Weight,
  int8Weight,
  linear,
  linearCrossEntropy,
  linearDivergence,
  readWeight,
  Tensor,
  type Weight,
  type WeightFormat,
} from '../../src/tensor/index.js';
import { createRandom } from '../../src/testing/random.js';
import { gradientTests } from '../harness/gradients.js';
import { openReference } from '../harness/referenceBackend.js';

/** A frozen matrix of random numbers in a format. */
function frozen(device: Device, format: WeightFormat, outputs: number, inputs: number, seed = 1): Weight {
  const { normal } = createRandom(seed);
  const values = Float32Array.from({ length: outputs * inputs }, normal);
  return holdWeight(device, format, {
    ...{ values, shape: [outputs, inputs], layout: 'outIn', name: 'frozen', where: 'test' },
  });
}

/**
 * On WASM hidden states are rounded to 15 bits for logits under an int8 or int4 head: ten times the roundings of f32 and more.
 */
const rounds = { f16: {}, int8: { allowed: 2e-4 }, int4: { allowed: 2e-4 } } as const;

gradientTests(
  (['f16', 'int8', 'int4'] as const).flatMap((format) => [
    ...(
      [
        [1, 1, 1],
        [3, 5, 7],
        [9, 17, 19],
        [2, 67, 33],
      ] as const
    ).map(([tokens, inputs, outputs]) => ({
      name: `linear [${tokens}, ${inputs}] x ${format} [${outputs}, ${inputs}]`,
      inputs: { x: [tokens, inputs], bias: [outputs] },
      forward: ({ x, bias }: Readonly<Record<string, Tensor>>, device: Device) =>
        linear(x!, frozen(device, format, outputs, inputs), { bias: bias! }),
    })),
    {
      name: `two ${format} layers over a table in ${format}, to which positions are added`,
      inputs: { positions: [5, 11] },
      forward: ({ positions }: Readonly<Record<string, Tensor>>, device: Device) => {
        const tokens = embedding(frozen(device, format, 7, 11), Int32Array.of(6, 2, 2, 0, 6));
        const hidden = linear(add(tokens, positions!), frozen(device, format, 9, 11, 2));
        return linear(hidden, frozen(device, format, 3, 9, 3));
      },
    },
    {
      name: `linearCrossEntropy under a head in ${format}`,
      inputs: { hidden: [4, 9] },
      gradScale: 0.5,
      ...rounds[format],
      forward: ({ hidden }: Readonly<Record<string, Tensor>>, device: Device) => {
        const student = { hidden: hidden!, head: frozen(device, format, 13, 9) };
        return linearCrossEntropy({ student, labels: Int32Array.of(3, -100, 12, 0), gradScale: 0.5 }).loss;
      },
    },
    {
      name: `linearDivergence between heads in ${format}`,
      inputs: { hidden: [4, 9] },
      gradScale: 0.5,
      ...rounds[format],
      forward: ({ hidden }: Readonly<Record<string, Tensor>>, device: Device) => {
        const student = { hidden: hidden!, head: frozen(device, format, 13, 9) };
        const teacher = {
          hidden: Tensor.from(device, new Float32Array(20).fill(0.5), [4, 5]),
          head: frozen(device, format, 13, 5, 4),
        };
        const divergence = { kind: 'skewKL', weight: 0.1, temperature: 1 } as const;
        return linearDivergence({ student, teacher, divergence, labels: Int32Array.of(3, -100, 12, 0), gradScale: 0.5 })
          .loss;
      },
    },
  ]),
);

describe('Weight', () => {
  const device = openReference();
  const bytes = (...shape: [number, number]) => Tensor.from(device, new Int8Array(shape[0] * shape[1]), shape);
  const nibbles = (...shape: [number, number]) => Tensor.from(device, packInt4([], shape), shape);
  const halves = (...shape: [number, number]) => Tensor.from(device, new Uint16Array(shape[0] * shape[1]), shape);

  it('is [outputs, inputs] whichever way it lies', () => {
    expect(f32Weight(Tensor.zeros(device, [2, 3])).shape).toEqual([2, 3]);
    expect(f32Weight(Tensor.zeros(device, [2, 3]), 'inOut').shape).toEqual([3, 2]);
    expect(int8Weight(bytes(2, 3), Tensor.zeros(device, [2, 1])).shape).toEqual([2, 3]);
    expect(int8Weight(bytes(2, 64), Tensor.zeros(device, [2, 2])).shape).toEqual([2, 64]);
    expect(int4Weight(nibbles(2, 65), halves(2, 3)).shape).toEqual([2, 65]);
    expect(int4Weight(nibbles(2, 65), halves(2, 6), 0.5).shape).toEqual([2, 65]);
  });

  it('refuses values that are no matrix of its format, and scales that do not fit', () => {
    expect(() => f32Weight(Tensor.zeros(device, [6]))).toThrow(ShapeError);
    expect(() => f16Weight(bytes(2, 3))).toThrow('its values are int8 [2, 3], expected a matrix of f16');
    expect(() => int8Weight(bytes(2, 3), Tensor.zeros(device, [2]))).toThrow(
      'its scales are f32 [2], expected f32 [2, 1], one for each output feature.',
    );
    for (const scales of [Tensor.zeros(device, [2, 3]), Tensor.zeros(device, [3, 1]), halves(2, 2)]) {
      expect(() => int8Weight(bytes(2, 64), scales)).toThrow(
        `its scales are ${scales.dtype} [${scales.shape.join(', ')}], expected f32 [2, 1], one for each output feature, or [2, 2]`,
      );
    }
    // Rows of no whole groups have one scale.
    expect(() => int8Weight(bytes(2, 33), Tensor.zeros(device, [2, 2]))).toThrow('expected f32 [2, 1]');
    expect(() => int4Weight(bytes(2, 3), halves(2, 1))).toThrow(
      'its values are int8 [2, 3], expected a matrix of int4',
    );
    for (const scales of [halves(2, 2), halves(2, 4), halves(1, 3), Tensor.zeros(device, [2, 3])]) {
      expect(() => int4Weight(nibbles(2, 65), scales)).toThrow(
        `its scales are ${scales.dtype} [${scales.shape.join(', ')}], expected f16 [2, 3], one for each group of 32 inputs, or [2, 6]`,
      );
    }
  });

  it('has no rows to look up where its inputs lie outside', () => {
    const table = f32Weight(Tensor.zeros(device, [2, 3]), 'inOut');
    expect(() => embedding(table, Int32Array.of(0))).toThrow('the table is [in, out], expected [out, in]');
  });

  it.each(['outIn', 'inOut'] as const)('reads back what it holds as the checkpoint had it, %s', async (layout) => {
    const shape = layout === 'outIn' ? [3, 2] : [2, 3];
    const values = Float32Array.of(1, -0.5, 3, 0.25, 100, 7);
    const matrix = { values, shape, layout, name: 'w', where: 'test' };
    for (const format of ['f32', 'f16'] as const) {
      const weight = holdWeight(device, format, matrix);
      expect(weight.shape).toEqual([3, 2]);
      expect(await readWeight(weight, layout)).toEqual(values);
      expect(fileDTypeOf(weight)).toBe(format);
    }
    // Of the largest of each output feature: half a step, and with int4 also what the rest of a step cuts off.
    const largest = layout === 'outIn' ? [1, 1, 3, 3, 100, 100] : [1, 100, 7, 1, 100, 7];
    for (const [format, share] of [
      ['int8', 1 / 253],
      ['int4', 1 / 8],
    ] as const) {
      const rounded = holdWeight(device, format, matrix);
      expect(fileDTypeOf(rounded)).toBeUndefined();
      const read = await readWeight(rounded, layout);
      for (const [i, value] of values.entries())
        expect(Math.abs(read[i]! - value)).toBeLessThanOrEqual(largest[i]! * share);
    }
  });
});

import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { OptionError, ShapeError } from '../../src/errors.js';
import { f32ToF16 } from '../../src/io/halfFloats.js';
import {
  add,
  embedding,
  f16Weight,
  f32Weight,
  int8Weight,
  linear,
  linearCrossEntropy,
  linearDivergence,
  Tape,
  Tensor,
  tidy,
  type Weight,
} from '../../src/tensor/index.js';
import { gradientTests } from '../harness/gradients.js';
import { createRandom } from '../harness/random.js';
import { openReference } from '../harness/referenceBackend.js';

/** A frozen matrix of random numbers in each format. */
const frozen = {
  f16(device: Device, outputs: number, inputs: number, seed = 1): Weight {
    const { normal } = createRandom(seed);
    const values = Float32Array.from({ length: outputs * inputs }, normal);
    return f16Weight(Tensor.from(device, f32ToF16(values), [outputs, inputs]), 2 ** -3);
  },
} as const;

gradientTests(
  (['f16'] as const).flatMap((format) => [
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
        linear(x!, frozen[format](device, outputs, inputs), { bias: bias! }),
    })),
    {
      name: `two ${format} layers over a table in ${format}, to which positions are added`,
      inputs: { positions: [5, 11] },
      forward: ({ positions }: Readonly<Record<string, Tensor>>, device: Device) => {
        const tokens = embedding(frozen[format](device, 7, 11), Int32Array.of(6, 2, 2, 0, 6));
        const hidden = linear(add(tokens, positions!), frozen[format](device, 9, 11, 2));
        return linear(hidden, frozen[format](device, 3, 9, 3));
      },
    },
    {
      name: `linearCrossEntropy under a head in ${format}`,
      inputs: { hidden: [4, 9] },
      gradScale: 0.5,
      forward: ({ hidden }: Readonly<Record<string, Tensor>>, device: Device) => {
        const student = { hidden: hidden!, head: frozen[format](device, 13, 9) };
        return linearCrossEntropy({ student, labels: Int32Array.of(3, -100, 12, 0), gradScale: 0.5 }).loss;
      },
    },
    {
      name: `linearDivergence between heads in ${format}`,
      inputs: { hidden: [4, 9] },
      gradScale: 0.5,
      forward: ({ hidden }: Readonly<Record<string, Tensor>>, device: Device) => {
        const student = { hidden: hidden!, head: frozen[format](device, 13, 9) };
        const teacher = {
          hidden: Tensor.from(device, new Float32Array(20).fill(0.5), [4, 5]),
          head: frozen[format](device, 13, 5, 4),
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

  it('is [outputs, inputs] whichever way it lies', () => {
    expect(f32Weight(Tensor.zeros(device, [2, 3])).shape).toEqual([2, 3]);
    expect(f32Weight(Tensor.zeros(device, [2, 3]), 'inOut').shape).toEqual([3, 2]);
    expect(int8Weight(bytes(2, 3), Tensor.zeros(device, [2])).shape).toEqual([2, 3]);
  });

  it('refuses values that are no matrix of its format, and scales that do not fit', () => {
    expect(() => f32Weight(Tensor.zeros(device, [6]))).toThrow(ShapeError);
    expect(() => f16Weight(bytes(2, 3))).toThrow('its values are int8 [2, 3], expected a matrix of f16');
    expect(() => int8Weight(bytes(2, 3), Tensor.zeros(device, [3]))).toThrow('its scales are [3], expected [2]');
  });

  it('has no rows to look up where its inputs lie outside', () => {
    const table = f32Weight(Tensor.zeros(device, [2, 3]), 'inOut');
    expect(() => embedding(table, Int32Array.of(0))).toThrow('the table is [in, out], expected [out, in]');
  });

  it('lets no gradient through int8', () => {
    tidy(() => {
      const x = Tensor.zeros(device, [1, 3]);
      x.requiresGrad = true;
      const tape = new Tape();
      const y = tape.record(() => linear(x, int8Weight(bytes(2, 3), Tensor.zeros(device, [2]))));
      expect(() => tape.backward(y, y.alias())).toThrow(OptionError);
    });
  });
});

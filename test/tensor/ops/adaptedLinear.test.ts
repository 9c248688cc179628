import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.js';
import { adaptedLinear, add, dropout, f32Weight, linear, scale, Tensor, tidy } from '../../../src/tensor/index.js';
import { forEachBackend } from '../../harness/backends.js';
import { type GradientCase, gradientTests } from '../../harness/gradients.js';
import { openReference } from '../../harness/referenceBackend.js';

const shapes = [
  [[1], 1, 1, 1],
  [[3], 5, 7, 2],
  [[2, 3], 4, 16, 3],
  [[5], 17, 19, 8],
  [[2], 6, 5, 9],
] as const;

gradientTests(
  shapes.flatMap(([leading, inFeatures, outFeatures, rank]) =>
    (['outIn', 'inOut'] as const).flatMap((layout): GradientCase[] => {
      const inputs = {
        x: [...leading, inFeatures],
        weight: layout === 'outIn' ? [outFeatures, inFeatures] : [inFeatures, outFeatures],
        down: [rank, inFeatures],
        up: [outFeatures, rank],
      };
      const name = `adaptedLinear [${inputs.x}] x [${inputs.weight}] ${layout}, rank ${rank}`;
      const adapter = (tensors: Readonly<Record<string, Tensor>>) => ({
        ...{ down: tensors.down!, up: tensors.up!, scale: 0.7 },
        ...(tensors.bias && { bias: tensors.bias }),
      });
      return [
        { name, inputs, forward: (t) => adaptedLinear(t.x!, f32Weight(t.weight!, layout), adapter(t)) },
        {
          name: `${name}, with bias and dropout`,
          inputs: { ...inputs, bias: [outFeatures] },
          forward: (t) =>
            adaptedLinear(t.x!, f32Weight(t.weight!, layout), {
              ...adapter(t),
              dropout: { probability: 0.3, seed: 5 },
            }),
        },
      ];
    }),
  ),
);

/** x with several readers: the adapter's gradient must join what is there, whichever comes first. */
gradientTests(
  [undefined, { probability: 0.4, seed: 3 }].map((dropped): GradientCase => {
    const inputs = { x: [3, 4], weight: [4, 4], down: [2, 4], up: [4, 2] };
    return {
      name: `adaptedLinear of an x that is read before and after${dropped ? ', with dropout' : ''}`,
      inputs,
      forward: ({ x, weight, down, up }) => {
        const held = f32Weight(weight!);
        const first = linear(x!, held);
        const second = adaptedLinear(x!, held, { down: down!, up: up!, scale: 2, dropout: dropped });
        return add(add(first, second), add(x!, x!));
      },
    };
  }),
);

forEachBackend((backend) => {
  it('adds what the two matrices make of the dropped input, and nothing where the second is zero', async () => {
    const device = backend();
    const of = (shape: readonly number[], begin: number) =>
      Tensor.from(
        device,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(begin + 1.3 * i)),
        shape,
      );
    const [x, weight, down, up] = [of([5, 7], 1), f32Weight(of([6, 7], 2)), of([3, 7], 3), of([6, 3], 4)];
    const dropped = { probability: 0.5, seed: 11 };
    const results = tidy(() => {
      const plain = linear(x, weight);
      const added = linear(linear(dropout(x, dropped), f32Weight(down)), f32Weight(up));
      return [
        add(plain, scale(added, 0.5)),
        adaptedLinear(x, weight, { down, up, scale: 0.5, dropout: dropped }),
        plain,
        adaptedLinear(x, weight, { down, up: Tensor.zeros(device, [6, 3]), scale: 0.5 }),
      ];
    });
    const [want, got, plain, nothing] = await Promise.all(results.map((each) => each.read()));
    for (const [i, value] of got!.entries()) expect(Math.abs(value - want![i]!)).toBeLessThan(1e-5);
    expect(nothing).toEqual(plain);
    for (const tensor of [x, weight.values, down, up, ...results]) tensor.dispose();
  });
});

describe('adaptedLinear', () => {
  it('refuses matrices that do not fit the weight', () => {
    const device = openReference();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const weight = f32Weight(zeros(3, 5));
    for (const [down, up] of [
      [zeros(2, 4), zeros(3, 2)],
      [zeros(2, 5), zeros(3, 1)],
      [zeros(2, 5), zeros(4, 2)],
      [zeros(10), zeros(3, 2)],
    ] as const) {
      expect(() => adaptedLinear(zeros(2, 5), weight, { down, up, scale: 1 })).toThrow(ShapeError);
    }
    const [down, up] = [zeros(2, 5), zeros(3, 2)];
    expect(() => adaptedLinear(zeros(2, 4), weight, { down, up, scale: 1 })).toThrow('does not take x [2, 4]');
    expect(adaptedLinear(zeros(2, 5), weight, { down, up, scale: 1 }).shape).toEqual([2, 3]);
  });
});

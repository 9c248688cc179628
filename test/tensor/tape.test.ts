import { describe, expect, it } from 'vitest';
import { add, clearGradients, f32Weight, gelu, layerNorm, linear, Tape, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { differences, type GradientCase, gradientTests, tapeGradients } from '../harness/gradients.js';
import { openReference } from '../harness/referenceBackend.js';

/** A block as transformers have it: the residual stream is read by the branch and by the sum. */
const residualBlock: GradientCase = {
  name: 'a residual block',
  inputs: { x: [3, 5], norm: [5], normBias: [5], up: [5, 7], down: [7, 5], bias: [5] },
  forward: ({ x, norm, normBias, up, down, bias }) => {
    const hidden = gelu(linear(layerNorm(x!, norm!, normBias!), f32Weight(up!, 'inOut')));
    return add(x!, linear(hidden, f32Weight(down!, 'inOut'), { bias: bias! }));
  },
};

const cases: readonly GradientCase[] = [
  { name: 'an input used twice', inputs: { x: [7] }, forward: ({ x }) => add(x!, x!) },
  {
    name: 'an input used four times',
    inputs: { x: [7] },
    forward: ({ x }) => {
      const y = add(x!, x!);
      return add(gelu(y), add(y, x!));
    },
  },
  {
    name: 'a weight used twice (tied)',
    inputs: { x: [3, 5], weight: [5, 5] },
    forward: ({ x, weight }) => linear(gelu(linear(x!, f32Weight(weight!))), f32Weight(weight!)),
  },
  {
    name: 'a gradient that two parameters share, one of which gets more',
    inputs: { a: [2, 3], b: [2, 3], weight: [3, 3] },
    forward: ({ a, b, weight }) => add(linear(a!, f32Weight(weight!)), add(a!, b!)),
  },
  {
    name: 'the same, the other way round',
    inputs: { a: [2, 3], b: [2, 3], weight: [3, 3] },
    forward: ({ a, b, weight }) => {
      const sum = add(b!, a!);
      return add(sum, linear(b!, f32Weight(weight!)));
    },
  },
  residualBlock,
];
gradientTests(cases);

forEachBackend((backend) => {
  it('adds up the gradients of two backward passes', async () => {
    const twice = await tapeGradients(backend(), residualBlock, 2);
    for (const [name, once] of Object.entries(differences(residualBlock))) {
      once.forEach((value, i) => {
        expect(twice[name]![i]!, `d${name}[${i}]`).toBeCloseTo(2 * value, 3);
      });
    }
  });

  it('leaves only parameters and their gradients behind, step after step', () => {
    const device = backend();
    const weight = Tensor.zeros(device, [5, 5]);
    weight.requiresGrad = true;
    const live: number[] = [];
    for (let step = 0; step < 3; step++) {
      tidy(() => {
        const tape = new Tape();
        const x = Tensor.zeros(device, [3, 5]);
        const y = tape.record(() => add(x, gelu(linear(x, f32Weight(weight)))));
        tape.backward(y, Tensor.zeros(device, y.shape));
      });
      clearGradients([weight]);
      live.push(device.memory().liveStorages);
    }
    expect(live).toEqual([2, 2, 2]);
    weight.dispose();
    expect(device.memory().liveStorages).toBe(0);
  });
});

describe('Tape', () => {
  it('does not work for inputs that need no gradient, and gives them none', () => {
    const device = openReference();
    const [x, weight] = [Tensor.zeros(device, [2, 3]), Tensor.zeros(device, [3, 3])];
    weight.requiresGrad = true;
    tidy(() => {
      const tape = new Tape();
      const y = tape.record(() => linear(x, f32Weight(weight)));
      expect(tape.wants(x)).toBe(false);
      expect(tape.wants(y)).toBe(true);
      tape.backward(y, Tensor.zeros(device, y.shape));
    });
    expect(x.grad).toBeUndefined();
    expect(weight.grad!.shape).toEqual([3, 3]);
  });

  it('forgets everything when nothing needs a gradient', () => {
    const device = openReference();
    const x = Tensor.zeros(device, [3]);
    const tape = new Tape();
    const y = tape.record(() => gelu(x));
    expect(tape.wants(y)).toBe(false);
  });

  it('pauses while another records, and goes on after that one threw', () => {
    const device = openReference();
    const x = Tensor.zeros(device, [3]);
    x.requiresGrad = true;
    const [outer, inner] = [new Tape(), new Tape()];
    outer.record(() => {
      const before = gelu(x);
      const inside = inner.record(() => gelu(x));
      expect(() => inner.record(() => expect.unreachable())).toThrow();
      const after = gelu(x);
      expect([before, inside, after].map((y) => outer.wants(y))).toEqual([true, false, true]);
      expect([before, inside, after].map((y) => inner.wants(y))).toEqual([false, true, false]);
    });
    expect(outer.wants(gelu(x))).toBe(false);
  });
});

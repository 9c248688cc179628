/** Operations in the hands of callers without types: what is no tensor, no weight or no option is refused by name. */
import { expect, it } from 'vitest';
import { DistillmError, OptionError, ShapeError } from '../../src/errors.js';
import { createAdamW } from '../../src/optim/index.js';
import {
  add,
  attention,
  dropout,
  embedding,
  f32Weight,
  geGLU,
  gelu,
  geluErf,
  layerNorm,
  linear,
  linearCrossEntropy,
  linearDivergence,
  relu,
  rmsNorm,
  run,
  scale,
  swiGLU,
  swish,
  Tensor,
} from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
const tensor = (...shape: number[]) => Tensor.zeros(device, shape);
const x = tensor(2, 4);
const w = f32Weight(tensor(3, 4));
const keyRange = Tensor.from(device, Int32Array.of(0, 2), [1, 2]);
const student = { hidden: x, head: w };
const labels = Int32Array.of(0, 2);
const divergence = { kind: 'skewKL', weight: 0.1, temperature: 1 } as const;

/** Right arguments of each. */
const calls: Readonly<Record<string, [(...given: never[]) => unknown, readonly unknown[]]>> = {
  add: [add, [x, x]],
  gelu: [gelu, [x]],
  geluErf: [geluErf, [x]],
  swish: [swish, [x, { slope: 1.702 }]],
  scale: [scale, [x, 0.5]],
  geGLU: [geGLU, [x, x]],
  relu: [relu, [x]],
  layerNorm: [layerNorm, [x, tensor(4), tensor(4), { eps: 1e-5 }]],
  rmsNorm: [rmsNorm, [x, tensor(4), { eps: 1e-5, offset: 1 }]],
  swiGLU: [swiGLU, [x, x]],
  dropout: [dropout, [x, { probability: 0.5, seed: 1 }]],
  embedding: [embedding, [w, labels, [2]]],
  linear: [linear, [x, w, { bias: tensor(3) }]],
  attention: [
    attention,
    [{ qkv: tensor(1, 2, 12) }, { numHeads: 2, keyRange, causal: true, window: 2, rotary: tensor(1, 2, 2) }],
  ],
  linearCrossEntropy: [linearCrossEntropy, [{ student, labels, gradScale: 1 }]],
  linearDivergence: [linearDivergence, [{ student, teacher: student, labels, divergence, gradScale: 1 }]],
  run: [run, [device, 'relu', { x: { storage: x.storage, shape: [8], dtype: 'f32' } }, {}]],
  'Tensor.from': [Tensor.from, [device, labels, [2], 'labels']],
  createAdamW: [createAdamW, [new Map([['x', Object.assign(tensor(2), { requiresGrad: true })]]), { eps: 1e-8 }]],
};
const others = [undefined, null, 42, 'text', true, () => 1, {}, [], new Map(), new Float32Array(2), Promise.resolve()];

it.each(Object.keys(calls))('%s throws nothing but errors of ours, whatever it gets', (name) => {
  const [call, given] = calls[name]!;
  call(...(given as never[]));
  const throws = (place: string, args: readonly unknown[]) => {
    try {
      call(...(args as never[]));
    } catch (error) {
      expect(error instanceof DistillmError, `${place}: ${error}`).toBe(true);
    }
  };
  for (const other of others) {
    given.forEach((value, index) => {
      const whole = (instead: unknown) => given.map((each, i) => (i === index ? instead : each));
      throws(`argument ${index} as ${String(other)}`, whole(other));
      if (Object.getPrototypeOf(value) !== Object.prototype || value === device) return;
      for (const field of Object.keys(value as object)) {
        throws(`argument ${index}.${field} as ${String(other)}`, whole({ ...(value as object), [field]: other }));
      }
    });
  }
});

it.each<[() => unknown, new (...args: never[]) => Error, string]>([
  [() => gelu(null as never), OptionError, 'gelu: x is null, expected a tensor.'],
  [
    () => attention({ qkv: tensor(1, 2, 12) }, { numHeads: 2, keyRange, causl: true } as never),
    OptionError,
    'attention: there is no option causl, expected one of numHeads, numKvHeads, keyRange, causal, window, scale, bias, rotary, dropout, cache, past. Did you mean causal?',
  ],
  [
    () => linear(x, x as never),
    OptionError,
    'linear: weight is a Tensor, expected a weight, as f32Weight makes it of a',
  ],
  [
    () => linearCrossEntropy({ student, labels: [0, 2] as never, gradScale: 1 }),
    OptionError,
    'linearLosses: labels is [0,2], expected an Int32Array.',
  ],
  [
    () => run(device, 'rleu' as never, {} as never, {} as never),
    OptionError,
    'run: kernel is rleu, expected the name of a kernel. Did you mean relu?',
  ],
  [() => Tensor.from(device, [1] as never, [1]), OptionError, 'data: data is [1], expected one of Float32Array, '],
  [
    () => Tensor.zeros(device, [2, 0]),
    ShapeError,
    'zeros: the shape is [2,0], expected a list of integers of at least 1.',
  ],
  [() => Tensor.zeros({} as never, [2]), OptionError, 'zeros: device is {}, expected a device, as openDevice gives it'],
])('case %#', (call, type, message) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});

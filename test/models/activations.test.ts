/** Activations by the names of config.json: each computes what transformers computes, or is refused by its name. */
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { type ActivationName, activationField, activationOf } from '../../src/models/activations.js';
import { createModel, exampleConfig } from '../../src/models/index.js';
import { Tape, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import oracle from '../oracles/activations.json' with { type: 'json' };
import { largestDifference } from './oracle.js';

type Values = { readonly y: readonly number[]; readonly slope: readonly number[] };
const known = Object.entries(oracle.names as Record<string, Partial<Values>>).filter(
  ([name]) => activationField.safeParse(name).success,
) as [ActivationName, Values][];
const others = Object.keys(oracle.names).filter((name) => !activationField.safeParse(name).success);

it('knows all forms of GELU but the clipped one, ReLU and SiLU', () => {
  expect(known.map(([name]) => name)).toEqual([
    ...['gelu', 'gelu_accurate', 'gelu_fast', 'gelu_new', 'gelu_python', 'gelu_python_tanh', 'gelu_pytorch_tanh'],
    ...['quick_gelu', 'relu', 'silu', 'swish'],
  ]);
  expect(others).toContain('gelu_10');
});

forEachBackend((backend) => {
  it.each(known)("%s has transformers' values and slopes", async (name, { y, slope }) => {
    using x = Tensor.from(backend(), Float32Array.from(oracle.x), [oracle.x.length], 'x');
    x.requiresGrad = true;
    const ones = new Float32Array(oracle.x.length).fill(1);
    const result = tidy(() => {
      const tape = new Tape();
      const value = tape.record(() => activationOf(name)(x));
      tape.backward(value, Tensor.from(backend(), ones, x.shape, 'dy'));
      return value;
    });
    expect(largestDifference(await result.read(), y)).toBeLessThan(4e-6);
    expect(largestDifference(await x.grad!.read(), slope)).toBeLessThan(4e-6);
    result.dispose();
    x.grad!.dispose();
  });
});

describe('an activation that is not known', () => {
  it.each(others)('%s is refused by its name, and those that are known are listed', async (name) => {
    const device = openReference();
    const fields = {
      gpt2: { activation_function: name },
      opt: { activation_function: name },
      gemma3_text: { hidden_activation: name },
      t5: { feed_forward_proj: name },
      llama: { hidden_act: name },
    };
    for (const [family, changes] of Object.entries(fields)) {
      const config = { ...(await exampleConfig(family as 'gpt2')), ...changes };
      const error = await createModel(config, { device }).catch((thrown: unknown) => thrown);
      expect(error, family).toBeInstanceOf(CheckpointError);
      const [field] = Object.keys(changes);
      expect((error as Error).message, family).toContain(`field '${field}' is ${JSON.stringify(name)}, expected `);
    }
    expect(device.memory().liveStorages).toBe(0);
  });
});

/**
 * Weights that are held as products read them fastest: those of a frozen model, and those of a model in training while
 * it answers. Nothing that a model computes may change by a bit.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { generate } from '../../src/generation/index.js';
import { createModel, type LanguageModel } from '../../src/models/index.js';
import { createAdamW } from '../../src/optim/index.js';
import { linearCrossEntropy, readWeight, Tape, tidy } from '../../src/tensor/index.js';

const prompts = [Int32Array.of(3, 1, 4, 1, 5), Int32Array.of(9, 2, 6)];
const sample = { promptLength: 2, ids: Int32Array.from({ length: 45 }, (_, i) => (7 * i) % 23) };

describe.each([1, 2])('settled weights on %i threads', (threads) => {
  let device: Device;
  beforeAll(async () => {
    device = await openWasm({ threads });
  });
  afterAll(async () => {
    await device.dispose();
  });

  /** Columns that are no whole panels, and rows that are. */
  const config = { model_type: 'gpt2', vocab_size: 23, n_positions: 64, n_embd: 36, n_layer: 2, n_head: 2 };
  const model = (trainable: boolean) =>
    createModel(
      { ...config, initializer_range: 0.3, attn_pdrop: 0, embd_pdrop: 0, resid_pdrop: 0 },
      { device, trainable },
    );
  const answers = (of: LanguageModel, maxNewTokens: number, copies = 1) => {
    const all = Array.from({ length: copies }, () => prompts).flat();
    return generate(of, all, { maxNewTokens, temperature: 1, seeds: all.map((_, i) => 5 + i) });
  };
  const hidden = async (of: LanguageModel) => {
    const y = tidy(() => of.forward(of.collate([sample])));
    const bits = new Uint32Array((await y.read()).buffer);
    y.dispose();
    return bits;
  };
  /** Loss and weights over two steps, answering before each where `tokens` says so. */
  async function trained(tokens?: number, copies = 1): Promise<number[]> {
    const student = await model(true);
    const optimizer = createAdamW(student.parameters);
    const numbers: number[] = [];
    for (let step = 0; step < 2; step++) {
      if (tokens) await answers(student, tokens, copies);
      const batch = student.collate([sample]);
      const loss = tidy(() => {
        const tape = new Tape();
        const summed = tape.record(() =>
          linearCrossEntropy({
            student: { hidden: student.forward(batch), head: student.head },
            labels: batch.labels,
            gradScale: 1,
          }),
        );
        tape.backward();
        optimizer.step(1e-2);
        return summed.loss;
      });
      numbers.push(...(await loss.read()));
      loss.dispose();
    }
    for (const parameter of student.parameters.values()) numbers.push(...(await parameter.read()));
    optimizer.dispose();
    student.dispose();
    return numbers;
  }

  it('computes and answers the same, frozen or not', async () => {
    const [frozen, plain] = [await model(false), await model(true)];
    expect(await hidden(frozen)).toEqual(await hidden(plain));
    expect(await answers(frozen, 20)).toEqual(await answers(plain, 20));
    for (const [name, weight] of frozen.weights) {
      const same = plain.weights.get(name)!;
      expect(await readWeight(weight, 'outIn'), name).toEqual(await readWeight(same, 'outIn'));
    }
    frozen.setTrainable(true);
    expect(await hidden(frozen)).toEqual(await hidden(plain));
    for (const one of [frozen, plain]) one.dispose();
    expect(device.memory().liveStorages).toBe(0);
  });

  it('trains the same, answering between the steps or not', async () => {
    const arrange = vi.spyOn(device, 'arrange');
    const alone = await trained();
    expect(arrange).not.toHaveBeenCalled();
    expect(await trained(8)).toEqual(alone);
    expect(arrange, 'few tokens').not.toHaveBeenCalled();
    expect(await trained(40, 5)).toEqual(alone);
    expect(arrange, 'many answers').not.toHaveBeenCalled();
    expect(await trained(40)).toEqual(alone);
    expect(arrange.mock.calls.length, 'every [in, out] matrix before each step').toBe(2 * 4 * 2);
    arrange.mockRestore();
    expect(device.memory().liveStorages).toBe(0);
  });
});

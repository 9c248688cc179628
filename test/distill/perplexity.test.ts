import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, type Device, type LanguageModel, openDevice, perplexity, type Sample } from '../../src/index.js';

let device: Device;
let model: LanguageModel;
const config = {
  model_type: 'gpt2',
  vocab_size: 30,
  n_positions: 16,
  n_embd: 8,
  n_layer: 1,
  n_head: 2,
  initializer_range: 0.5,
};
beforeAll(async () => {
  device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  model = await createModel(config, { device });
});
afterAll(() => device.dispose());

const sample = (ids: readonly number[], promptLength: number): Sample => ({ ids: Int32Array.from(ids), promptLength });
const samples = [
  sample([1, 2, 3, 4], 2),
  sample([5, 6, 7, 8, 9, 10, 11], 1),
  sample([12, 13], 1),
  sample([3, 4, 5], 3),
];

describe('perplexity', () => {
  it('is e to the mean of the negative log-probabilities of the answers, over all their tokens', async () => {
    let [sum, tokens] = [0, 0];
    for (const { ids, promptLength } of samples) {
      for (let at = promptLength; at < ids.length; at++) {
        // One token at a time, with all before it: from the logits themselves.
        const decoding = model.startDecoding([ids.subarray(0, at)], 1);
        const hidden = await decoding.next().read();
        decoding.dispose();
        const table = await model.parameters.get('transformer.wte.weight')!.read();
        const logits = Array.from({ length: 30 }, (_, id) =>
          Array.from({ length: 8 }, (_, i) => hidden[i]! * table[id * 8 + i]!).reduce((a, b) => a + b, 0),
        );
        const most = Math.max(...logits);
        const total = logits.reduce((all, logit) => all + Math.exp(logit - most), 0);
        sum -= logits[ids[at]!]! - most - Math.log(total);
        tokens++;
      }
    }
    const found = await perplexity(model, samples);
    expect(found.tokens).toBe(tokens);
    expect(found.loss).toBeCloseTo(sum / tokens, 5);
    expect(found.perplexity).toBeCloseTo(Math.exp(sum / tokens), 3);
    // It is not that of a guess among all ids.
    expect(Math.abs(found.perplexity - 30)).toBeGreaterThan(0.5);
  });

  it('does not depend on what is read side by side', async () => {
    const one = await perplexity(model, samples, { batchSize: 1 });
    const all = await perplexity(model, samples, { batchSize: 4 });
    expect(one.loss).toBeCloseTo(all.loss, 6);
    expect(one.tokens).toBe(all.tokens);
  });

  it('knows no ids beyond the vocabulary that it is told', async () => {
    const padded = await perplexity(model, samples, { vocabSize: 14 });
    expect(padded.loss).toBeLessThan((await perplexity(model, samples)).loss);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'samples without an answer',
      () => perplexity(model, [sample([1, 2], 2)]),
      'of 1 sample none has a token of an answer',
    ],
    ['no sample', () => perplexity(model, []), 'of 0 samples none has a token'],
    ['a text', () => perplexity(model, ['a'] as never), 'perplexity: samples[0] is a, expected a sample'],
    [
      'an id that is none',
      () => perplexity(model, [sample([1, 30], 1)]),
      'token id 30 at position 1 is outside the vocabulary of 30',
    ],
    ['what is too long', () => perplexity(model, [sample(new Array(20).fill(1), 1)]), '20 tokens, the model takes 16.'],
    [
      'a larger vocabulary',
      () => perplexity(model, samples, { vocabSize: 31 }),
      'vocabSize is 31, expected an integer from 1 to 30',
    ],
  ])('refuses %s', (_, call, message) => expect(call()).rejects.toThrow(message));
});

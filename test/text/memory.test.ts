import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReplayBuffer, createRng, createSampler, createTokenizer } from '../../src/text/index.js';
import cases from '../oracles/tokenizer/cases.json' with { type: 'json' };
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

const { Instance } = WebAssembly;
/** One, which all instances share: see instance.test.ts. */
const memories = new Set<WebAssembly.Memory>();

/** In bytes. */
const total = () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

beforeAll(() => {
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      memories.add(this.exports.memory as WebAssembly.Memory);
    }
  };
});
afterAll(() => {
  WebAssembly.Instance = Instance;
});

/** Memory after a few rounds and after many must be the same. */
function expectSteady(round: (index: number) => void) {
  for (let index = 0; index < 20; index++) round(index);
  const before = total();
  for (let index = 0; index < 300; index++) round(index);
  expect(before).toBeGreaterThan(0);
  expect(total()).toBe(before);
}

describe('memory in WebAssembly does not grow over repeated calls', () => {
  it('encoding and decoding, long words and special tokens included', () => {
    const tokenizer = createTokenizer({
      tokenizerJson: { ...base, pre_tokenizer: { ...base.pre_tokenizer, add_prefix_space: true } },
    });
    const { texts } = cases.plain;
    const long = 'understanding'.repeat(500);
    expectSteady((index) => {
      for (const text of [texts[index % texts.length] as string, long, `${long}<|pad|>${long}`]) {
        const ids = tokenizer.encode(text, { allowedSpecial: index % 2 === 0 ? 'all' : 'none' });
        tokenizer.decode(ids);
        tokenizer.stream().push(ids);
      }
    });
  });

  it('sampling sequences that start and end', () => {
    const sampler = createSampler({ topK: 20, topP: 0.9, repetitionPenalty: 1.1, noRepeatNgramSize: 3 });
    const logits = Float32Array.from({ length: 3 * 500 }, (_, i) => Math.sin(i));
    expectSteady((index) => {
      const states = [0, 1, 2].map((row) => sampler.start({ seed: index * 3 + row, tokens: [1, 2, 3] }));
      for (let step = 0; step < 5; step++) sampler.sample(logits, states);
      for (const state of states) state.dispose();
    });
  });

  it('a full replay buffer, and generators', () => {
    const buffer = createReplayBuffer({ capacity: 10, seed: 1 });
    const ids = Int32Array.from({ length: 200 }, (_, i) => i * 400);
    expectSteady((index) => {
      for (let i = 0; i < 10; i++) buffer.push({ promptLength: 1, ids: ids.subarray(0, 1 + ((index + i * 7) % 200)) });
      buffer.draw(4);
      createRng(index).shuffle(ids.slice());
    });
  });
});

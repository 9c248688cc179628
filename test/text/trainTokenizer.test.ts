import { describe, expect, it } from 'vitest';
import { DisposedError, OptionError } from '../../src/errors.js';
import { createRng, type Tokenizer, tokenizerTrainer, trainTokenizer } from '../../src/text/index.js';
import corpus from '../oracles/tokenizer/corpus.json' with { type: 'json' };
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };
import hard from '../oracles/tokenizer/training.json' with { type: 'json' };

const modelOf = (tokenizer: Tokenizer) => JSON.parse(tokenizer.save()['tokenizer.json'] as string).model;

describe('trainTokenizer', () => {
  it('makes the merges of Hugging Face on texts of many languages', () => {
    const model = modelOf(
      trainTokenizer(corpus, { vocabSize: 600, specialTokens: { eos: '<|endoftext|>', pad: '<|pad|>' } }),
    );
    expect(model.merges).toEqual(base.model.merges);
    expect(model.vocab).toEqual(base.model.vocab);
  });

  it('makes them on runs of one letter, many ties, spelt-out special tokens, and stops when no pair is left', () => {
    const model = modelOf(
      trainTokenizer(hard.texts, { vocabSize: hard.vocabSize, specialTokens: { additional: hard.special } }),
    );
    expect(model.merges).toEqual(hard.merges);
    expect(model.vocab).toEqual(hard.vocab);
  });

  it('reads any iterable, and what it trains encodes', () => {
    function* texts() {
      yield* corpus;
    }
    const tokenizer = trainTokenizer(texts(), { vocabSize: 300, specialTokens: { eos: '<eos>' } });
    expect([tokenizer.vocabSize, tokenizer.eosTokenId]).toEqual([300, 0]);
    const text = `${corpus[3]}<eos>`;
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.encode(text).at(-1)).toBe(0);
    expect(trainTokenizer([], { vocabSize: 300 }).vocabSize).toBe(256);
    const trainer = tokenizerTrainer({ vocabSize: 300, specialTokens: { eos: '<eos>' } });
    for (const text of texts()) trainer.add(text);
    expect(trainer.train().save()).toEqual(tokenizer.save());
    expect(() => trainer.train()).toThrow(DisposedError);
    expect(() => trainer.add('more')).toThrow(DisposedError);
  });

  it('trains 2,000 tokens on 1 MB within seconds', () => {
    const rng = createRng(3);
    const syllables = Array.from({ length: 300 }, () =>
      rng
        .int(2 ** 20)
        .toString(36)
        .slice(0, 1 + rng.int(3)),
    );
    // Few words are frequent and most are rare, as in a language.
    const words = Array.from({ length: 20_000 }, () =>
      Array.from({ length: 1 + rng.int(4) }, () => syllables[rng.int(300)]).join(''),
    );
    const text = Array.from({ length: 180_000 }, () => words[Math.floor(20_000 * rng.uniform() ** 4)]).join(' ');
    const start = performance.now();
    expect(trainTokenizer([text], { vocabSize: 2000 }).vocabSize).toBe(2000);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('refuses a vocabulary that is too small and special tokens that are bytes', () => {
    expect(() => trainTokenizer(corpus, { vocabSize: 256, specialTokens: { eos: '<eos>' } })).toThrow(OptionError);
    expect(() => trainTokenizer(corpus, { vocabSize: 300, specialTokens: { eos: 'a' } })).toThrow(OptionError);
    expect(() => trainTokenizer(corpus, { vocabSize: 300, specialTokens: { additional: [''] } })).toThrow(OptionError);
  });
});

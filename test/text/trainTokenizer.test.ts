import { describe, expect, it } from 'vitest';
import { DisposedError, OptionError } from '../../src/errors.js';
import { createRng, createTokenizer, type Tokenizer, tokenizerTrainer, trainTokenizer } from '../../src/text/index.js';
import corpus from '../oracles/tokenizer/corpus.json' with { type: 'json' };
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };
import hard from '../oracles/tokenizer/training.json' with { type: 'json' };
import unigram from '../oracles/tokenizer/unigramTraining.json' with { type: 'json' };

const modelOf = (tokenizer: Tokenizer) => JSON.parse(tokenizer.save()['tokenizer.json'] as string).model;

describe('a Unigram vocabulary', () => {
  const train = (texts: readonly string[], vocabSize: number, eos = '<|endoftext|>') =>
    trainTokenizer(texts, { vocabSize, model: 'unigram', specialTokens: { eos } });

  it.each(Object.entries(unigram))(
    'has the pieces and scores of Hugging Face: %s',
    (_, { texts, vocabSize, pieces }) => {
      // What is there besides: a token for each byte.
      const { vocab } = modelOf(train(texts ?? corpus, vocabSize + 256));
      const made = new Map(vocab.slice(2 + 256) as [string, number][]);
      expect([...made.keys()].sort()).toEqual(pieces.map(([text]) => text).sort());
      const differences = pieces.map(([text, score]) =>
        Math.abs((made.get(text as string) as number) - (score as number)),
      );
      // Characters that no word needs differ by steps of 1e-4, in an order that Hugging Face leaves to chance.
      const lowest = Math.min(...pieces.map(([, score]) => score as number));
      pieces.forEach(([text, score], i) => {
        expect(differences[i], `${text}`).toBeLessThan((score as number) < lowest + 0.02 ? 0.02 : 1e-6);
      });
    },
  );

  it('loses nothing of a text, and spells what it has not seen in bytes', () => {
    const tokenizer = train(corpus, 500);
    const texts = [...corpus, '', ' ', '  a  b ', 'x\n\ny\t', '\u{1f9ff} new', '<0x41>', '\ud800', '<unk>'];
    for (const text of texts) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.replace('\ud800', '\ufffd'));
    }
    expect([tokenizer.eosTokenId, tokenizer.vocabSize]).toEqual([0, 500]);
    expect(tokenizer.tokenToId('<unk>')).toBe(1);
    const again = createTokenizer({ tokenizerJson: tokenizer.save()['tokenizer.json'] as string });
    for (const text of texts) expect(again.encode(text)).toEqual(tokenizer.encode(text));
  });

  it('keeps the most frequent characters where there are more than half of its pieces', () => {
    const tokenizer = train(corpus, 2 + 256 + 19 + 40);
    const { vocab } = modelOf(tokenizer) as { vocab: [string, number][] };
    const characters = vocab.slice(258).filter(([text]) => [...text].length === 1);
    // One of the twenty is a piece anyway.
    expect(characters).toHaveLength(19 + 20 - 1);
    expect(tokenizer.decode(tokenizer.encode(corpus.join(' ')))).toBe(corpus.join(' '));
  });

  it('is the same every time, ends when no text occurs twice, and needs room', async () => {
    expect(train(corpus, 400).save()).toEqual(train(corpus, 400).save());
    expect(train(['abc'], 400).vocabSize).toBe(2 + 256 + 19 + 4);
    expect(train([], 400).vocabSize).toBe(258 + 19);
    expect(train(['a '.repeat(3000) + 'b'.repeat(9000)], 300).vocabSize).toBeLessThanOrEqual(300);
    expect(() => train(corpus, 258 + 19)).toThrow(OptionError);
    const trainer = tokenizerTrainer({ vocabSize: 400, model: 'unigram' });
    const trained = trainer.train();
    expect(() => trainer.add('more')).toThrow(DisposedError);
    await trained;
  });
});

/** Words of which few are frequent and most are rare, as in a language. */
function megabyte(): string {
  const rng = createRng(3);
  const syllables = Array.from({ length: 300 }, () =>
    rng
      .int(2 ** 20)
      .toString(36)
      .slice(0, 1 + rng.int(3)),
  );
  const words = Array.from({ length: 20_000 }, () =>
    Array.from({ length: 1 + rng.int(4) }, () => syllables[rng.int(300)]).join(''),
  );
  return Array.from({ length: 180_000 }, () => words[Math.floor(20_000 * rng.uniform() ** 4)]).join(' ');
}

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

  it('reads any iterable, and what it trains encodes', async () => {
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
    expect((await trainer.train()).save()).toEqual(tokenizer.save());
    await expect(trainer.train()).rejects.toThrow(DisposedError);
    expect(() => trainer.add('more')).toThrow(DisposedError);
  });

  it.each(['bpe', 'unigram'] as const)('trains 2,000 tokens on 1 MB within seconds: %s', (model) => {
    const start = performance.now();
    expect(trainTokenizer([megabyte()], { vocabSize: 2000, model }).vocabSize).toBe(2000);
    expect(performance.now() - start).toBeLessThan(model === 'bpe' ? 5000 : 15_000);
  });

  it('refuses a vocabulary that is too small and special tokens that are bytes', () => {
    expect(() => trainTokenizer(corpus, { vocabSize: 256, specialTokens: { eos: '<eos>' } })).toThrow(OptionError);
    expect(() => trainTokenizer(corpus, { vocabSize: 300, specialTokens: { eos: 'a' } })).toThrow(OptionError);
    expect(() => trainTokenizer(corpus, { vocabSize: 300, specialTokens: { additional: [''] } })).toThrow(OptionError);
  });
});

describe.each([
  ['bpe', 1],
  ['unigram', 5],
] as const)('a training that takes turns with other work: %s', (model, leastTurns) => {
  const wanted = { vocabSize: 2000, model, specialTokens: { eos: '<eos>' } };
  const text = megabyte();
  const filled = () => {
    const trainer = tokenizerTrainer(wanted);
    trainer.add(text);
    return trainer;
  };

  it('works less than 100 ms between two turns', async () => {
    const trainer = filled();
    let [turns, longest] = [0, 0];
    let worked = process.cpuUsage();
    let isDone = false;
    const look = () => {
      const { user, system } = process.cpuUsage(worked);
      longest = Math.max(longest, (user + system) / 1000);
      worked = process.cpuUsage();
      turns++;
      if (!isDone) setImmediate(look);
    };
    await new Promise((done) => setImmediate(done));
    worked = process.cpuUsage();
    setImmediate(look);
    const trained = await trainer.train();
    isDone = true;
    expect(trained.vocabSize).toBe(2000);
    expect(turns).toBeGreaterThanOrEqual(leastTurns);
    // The engine's own threads, which compile and collect, work at the same time.
    expect(longest).toBeLessThan(200);
  });

  it('stops where it is told to, and frees its memory', async () => {
    const trainer = filled();
    const stop = new AbortController();
    const why = new Error('no longer wanted');
    const training = expect(trainer.train({ signal: stop.signal })).rejects.toBe(why);
    for (let turn = 1; turn < leastTurns; turn++) await new Promise((done) => setImmediate(done));
    stop.abort(why);
    await training;
    expect(() => trainer.add('more')).toThrow(DisposedError);
    await expect(trainer.train()).rejects.toThrow(DisposedError);
  });

  it('is ended by dispose', async () => {
    const trainer = filled();
    const training = expect(trainer.train()).rejects.toThrow(DisposedError);
    for (let turn = 1; turn < leastTurns; turn++) await new Promise((done) => setImmediate(done));
    trainer.dispose();
    await training;
  });

  it('refuses another option than the signal', async () => {
    await expect(tokenizerTrainer(wanted).train({ signals: 1 } as never)).rejects.toThrow(OptionError);
  });
});

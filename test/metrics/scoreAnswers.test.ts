import { describe, expect, it } from 'vitest';
import {
  bleu,
  bootstrapInterval,
  distinctN,
  exactMatch,
  rougeL,
  rougeLsum,
  rougeN,
  type SeedAnswers,
  scoreAnswers,
  selfBleu,
} from '../../src/metrics/index.js';
import { uniformGenerator } from '../../src/random.js';

const words = 'the a cat dog bird sat ran sleeps on under mat house'.split(' ');
const uniform = uniformGenerator(5);
const draw = (length: number) =>
  Array.from({ length }, () => words[Math.floor(uniform() * words.length)] as string).join(' ');
const records = 24;
const references = Array.from({ length: records }, (_, i) => [draw(8), ...(i % 3 === 0 ? [draw(6)] : [])]);
const runs: SeedAnswers[] = [10, 20, 30].map((seed) => ({
  seed,
  answers: references.map(([reference = ''], i) => ({
    text: i === 3 ? '' : i % 4 === 0 ? `${reference.toUpperCase()}.` : i % 5 === 0 ? reference : draw(7),
    tokens: 5 + ((seed + i) % 4),
    cut: (seed + i) % 8 === 0,
  })),
}));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const scores = scoreAnswers(runs, references);

describe('scoreAnswers', () => {
  it('gives each seed the scores that the metrics give', () => {
    for (const [i, { seed, answers }] of runs.entries()) {
      const texts = answers.map(({ text }) => text);
      const over = (score: (text: string, references: readonly string[]) => number) =>
        mean(texts.map((text, at) => score(text, references[at]!)));
      const expected = {
        rouge1: over(rougeN),
        rouge2: over((text, those) => rougeN(text, those, { n: 2 })),
        rougeL: over(rougeL),
        rougeLsum: over(rougeLsum),
        bleu: bleu(texts, references).score,
        exactMatch: over((text, those) => (exactMatch(text, those) ? 100 : 0)),
        normalizedMatch: over((text, those) =>
          exactMatch(text, those, { normalization: 'naturalInstructions' }) ? 100 : 0,
        ),
        distinct1: distinctN(texts, { n: 1 }),
        distinct2: distinctN(texts),
        answerTokens: mean(answers.map(({ tokens = 0 }) => tokens)),
        cutShare: mean(answers.map(({ cut }) => (cut ? 100 : 0))),
      };
      expect(scores.seeds[i]).toEqual({ seed, ...expected, emptyAnswers: 1 });
    }
    expect(scores.seeds[0]!.normalizedMatch).toBeGreaterThan(scores.seeds[0]!.exactMatch);
  });

  it('gives their mean and their deviation, and the self-BLEU of the answers to one record', () => {
    for (const name of ['rougeL', 'bleu', 'distinct2', 'cutShare'] as const) {
      const [a, b, c] = scores.seeds.map((seed) => seed[name] as number) as [number, number, number];
      const middle = (a + b + c) / 3;
      expect(scores.mean[name]).toBeCloseTo(middle, 12);
      const squares = [a, b, c].map((value) => (value - middle) ** 2);
      expect(scores.deviation[name]).toBeCloseTo(Math.sqrt((squares[0]! + squares[1]! + squares[2]!) / 2), 12);
    }
    const alike = references.map((_, i) => selfBleu(runs.map(({ answers }) => answers[i]!.text)));
    expect(scores.mean.selfBleu).toBeCloseTo(mean(alike), 12);
  });

  it('has intervals around the means: of mean scores those of bootstrapInterval', () => {
    const perRecord = references.map((those, i) => mean(runs.map(({ answers }) => rougeL(answers[i]!.text, those))));
    const [low, high] = bootstrapInterval(perRecord);
    expect(scores.interval.rougeL![0]).toBeCloseTo(low, 9);
    expect(scores.interval.rougeL![1]).toBeCloseTo(high, 9);
    for (const [name, [from, to]] of Object.entries(scores.interval)) {
      const middle = scores.mean[name as 'bleu'];
      expect(from, name).toBeLessThan(to);
      // The bootstrap of BLEU is a little off its centre; the ends still lie on either side.
      expect([from < middle, middle < to], name).toEqual([true, true]);
    }
    expect(Object.keys(scores.interval).sort()).toEqual(
      [
        ...['answerTokens', 'bleu', 'cutShare', 'exactMatch', 'normalizedMatch'],
        ...['rouge1', 'rouge2', 'rougeL', 'rougeLsum', 'selfBleu'],
      ].sort(),
    );
  });

  it('leaves out what is not known: lengths, and self-BLEU of one seed', () => {
    const [first] = runs as [SeedAnswers];
    const answers = first.answers.map(({ text }, i) => ({ text, ...(i > 0 && { tokens: 3, cut: false }) }));
    const one = scoreAnswers([{ seed: 10, answers }], references);
    expect(Object.keys(one.mean)).not.toEqual(expect.arrayContaining(['answerTokens']));
    expect([one.mean.answerTokens, one.mean.cutShare, one.mean.selfBleu]).toEqual([undefined, undefined, undefined]);
    expect(one.deviation).toEqual({});
    expect(one.mean.rougeL).toBe(scores.seeds[0]!.rougeL);
  });

  it('takes the options of its metrics', () => {
    const lower = scoreAnswers(runs, references, {
      bleu: { lowercase: true, smoothing: 'none' },
      normalization: 'squad',
      bootstrap: { resamples: 20, confidence: 0.5, seed: 3 },
    });
    const texts = runs[0]!.answers.map(({ text }) => text);
    expect(lower.seeds[0]!.bleu).toBe(bleu(texts, references, { lowercase: true, smoothing: 'none' }).score);
    expect(lower.seeds[0]!.distinct1).toBe(distinctN(texts, { lowercase: true, n: 1 }));
    expect(lower.seeds[0]!.distinct1).not.toBe(scores.seeds[0]!.distinct1);
    const widthOf = ([low, high]: readonly [number, number]) => high - low;
    expect(widthOf(lower.interval.rougeL!)).toBeLessThan(widthOf(scores.interval.rougeL!));
  });

  it.each<[string, () => unknown, string]>([
    ['no run', () => scoreAnswers([], references), 'runs is [], expected a list of { seed, answers }, at least one'],
    [
      'a seed twice',
      () => scoreAnswers([runs[0]!, runs[0]!], references),
      'a seed is there twice among 10, 10, expected each once',
    ],
    [
      'too few answers',
      () => scoreAnswers([{ seed: 1, answers: [{ text: 'a' }] }], references),
      '1 predictions and 24 lists of references',
    ],
    [
      'texts for answers',
      () => scoreAnswers([{ seed: 1, answers: ['a'] as never }], [['a']]),
      'runs[0].answers[0] is a, expected an answer, { text, tokens, cut }',
    ],
    [
      'an option of a metric as its own',
      () => scoreAnswers(runs, references, { lowercase: true } as never),
      'there is no option lowercase, expected one of bleu, normalization, bootstrap',
    ],
    [
      'a confidence of 95',
      () => scoreAnswers(runs, references, { bootstrap: { confidence: 95 } }),
      'confidence is 95, expected a number above 0 and below 1',
    ],
  ])('refuses %s', (_, call, message) => expect(call).toThrow(message));
});

describe('bootstrapInterval', () => {
  it('covers a known mean about as often as it says', () => {
    // 40 values of a uniform distribution on [0, 1), 300 times; the percentile interval is a little too narrow.
    const next = uniformGenerator(1);
    let covered = 0;
    for (let i = 0; i < 300; i++) {
      const values = Array.from({ length: 40 }, next);
      const [low, high] = bootstrapInterval(values, { resamples: 200, seed: i });
      if (low <= 0.5 && 0.5 <= high) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.9);
    expect(covered / 300).toBeLessThan(0.98);
  });

  it('is as wide as the normal approximation says', () => {
    const values = Array.from({ length: 400 }, (_, i) => i % 2);
    const [low, high] = bootstrapInterval(values, { resamples: 4000 });
    // Standard error of a mean of 400 coin tosses: 0.025.
    expect((high - low) / (2 * 1.96 * 0.025)).toBeCloseTo(1, 1);
    expect((low + high) / 2).toBeCloseTo(0.5, 2);
  });

  it('is a point where all values are the same, and the same for the same seed', () => {
    expect(bootstrapInterval([3, 3, 3])).toEqual([3, 3]);
    const values = [1, 5, 2, 8];
    expect(bootstrapInterval(values, { seed: 4 })).toEqual(bootstrapInterval(values, { seed: 4 }));
    expect(bootstrapInterval(values, { seed: 4 })).not.toEqual(bootstrapInterval(values, { seed: 5 }));
  });

  it('refuses no value, and one that is not finite', () => {
    expect(() => bootstrapInterval([])).toThrow('values is empty, expected one a record');
    expect(() => bootstrapInterval([1, Number.NaN])).toThrow('expected a list of finite numbers');
  });
});

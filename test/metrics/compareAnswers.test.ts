/** Whether two models differ: the paired bootstrap against its definition. */
import { describe, expect, it } from 'vitest';
import { bleu, compareAnswers, rougeL, type SeedAnswers, scoreAnswers } from '../../src/metrics/index.js';
import { uniformGenerator } from '../../src/random.js';

const words = 'the a cat dog bird sat ran sleeps on under mat house'.split(' ');
const uniform = uniformGenerator(11);
const draw = (length: number) =>
  Array.from({ length }, () => words[Math.floor(uniform() * words.length)] as string).join(' ');
const records = 30;
const references = Array.from({ length: records }, () => [draw(8)]);
/** Answers of which this share is right. */
const answersOf = (share: number, seeds: readonly number[]): SeedAnswers[] =>
  seeds.map((seed) => ({
    seed,
    answers: references.map(([reference = '']) => ({ text: uniform() < share ? reference : draw(7), tokens: 7 })),
  }));
const [poor, like, good] = [answersOf(0.3, [1, 2]), answersOf(0.3, [1, 2]), answersOf(0.9, [1, 2, 3])];
const bootstrap = { resamples: 400, seed: 3 };

describe('compareAnswers', () => {
  it('has differences of the means that scoreAnswers gives, of all scores that are of records', () => {
    const compared = compareAnswers(good, poor, references, { bootstrap });
    const [mine, theirs] = [scoreAnswers(good, references).mean, scoreAnswers(poor, references).mean];
    expect(Object.keys(compared).sort()).toEqual(
      [
        'answerTokens',
        'bleu',
        'exactMatch',
        'normalizedMatch',
        'rouge1',
        'rouge2',
        'rougeL',
        'rougeLsum',
        'selfBleu',
      ].sort(),
    );
    for (const [
      name,
      {
        difference,
        interval: [low, high],
      },
    ] of Object.entries(compared)) {
      const expected = (mine as Record<string, number>)[name]! - (theirs as Record<string, number>)[name]!;
      expect(difference, name).toBeCloseTo(expected, 9);
      expect(low <= high, name).toBe(true);
    }
  });

  it('has a two-sided p-value, from the same draws of records for both', () => {
    const uniform = uniformGenerator(bootstrap.seed);
    const resamples = Array.from({ length: bootstrap.resamples }, () =>
      Array.from({ length: records }, () => Math.floor(records * uniform())),
    );
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const measures = {
      bleu: (runs: readonly SeedAnswers[], drawn: readonly number[]) =>
        mean(
          runs.map(
            ({ answers }) =>
              bleu(
                drawn.map((i) => answers[i]!.text),
                drawn.map((i) => references[i]!),
              ).score,
          ),
        ),
      rougeL: (runs: readonly SeedAnswers[], drawn: readonly number[]) =>
        mean(runs.flatMap(({ answers }) => drawn.map((i) => rougeL(answers[i]!.text, references[i]!)))),
    };
    const compared = compareAnswers(like, poor, references, { bootstrap });
    for (const name of ['bleu', 'rougeL'] as const) {
      const of = (drawn: readonly number[]) => measures[name](like, drawn) - measures[name](poor, drawn);
      const found = of([...references.keys()]);
      const differences = resamples.map(of);
      const above = differences.filter((each) => Math.abs(each - mean(differences)) >= Math.abs(found)).length;
      expect(compared[name]!.pValue, name).toBeCloseTo((above + 1) / (bootstrap.resamples + 1), 12);
      expect(compared[name]!.pValue, name).toBeGreaterThan(1 / (bootstrap.resamples + 1));
    }
  }, 20_000);

  it('tells a better model from a poor one, whichever comes first, and none from itself', () => {
    const [forth, back] = [
      compareAnswers(good, poor, references, { bootstrap }),
      compareAnswers(poor, good, references, { bootstrap }),
    ];
    expect(forth.rougeL!.pValue).toBeLessThan(0.01);
    expect(forth.rougeL!.interval[0]).toBeGreaterThan(0);
    expect(back.rougeL!.pValue).toBe(forth.rougeL!.pValue);
    expect(back.rougeL!.difference).toBeCloseTo(-forth.rougeL!.difference, 12);
    const self = compareAnswers(poor, poor, references, { bootstrap });
    expect(self.rougeL).toEqual({ difference: 0, interval: [0, 0], pValue: 1 });
  });

  it('refuses answers to other records', () => {
    const fewer = [{ seed: 1, answers: poor[0]!.answers.slice(1) }];
    expect(() => compareAnswers(good, fewer, references)).toThrow(/^compareAnswers: 29 predictions and 30 lists/);
    expect(() => compareAnswers([], poor, references)).toThrow(/^compareAnswers: runs is \[\], expected a list/);
    expect(() => compareAnswers(good, [], references)).toThrow(/^compareAnswers: others is \[\], expected a list/);
  });
});

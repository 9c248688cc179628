import { describe, expect, it } from 'vitest';
import { type EvaluatedModel, evaluationTable, reportEvaluations } from '../../src/entries/report.js';
import { OptionError, scoreAnswers } from '../../src/index.js';
import { requireWellFormed } from './markup.js';

const references = [['the cat sat'], ['a dog ran'], ['it rains today']];
const evaluated = (name: string, texts: readonly string[], seeds = [10, 20]): EvaluatedModel => ({
  name,
  scores: scoreAnswers(
    seeds.map((seed) => ({
      seed,
      answers: texts.map((text) => ({ text: seed > 10 ? `${text} now` : text, tokens: 4, cut: seed > 10 })),
    })),
    references,
  ),
});
const rating = { score: 6.5, referenceScore: 8, ratio: 81.25, rated: 3, unreadable: 0 };
const comparison = { wins: 1, ties: 1, losses: 1, winRate: 50, unreadable: 0 };
const one = { ...evaluated('one', ['the cat sat', 'a dog', 'rain']), rating, perplexity: 12.345 };
const two = { ...evaluated('two', ['', 'nothing', 'it rains today'], [10]), comparison };

const rowOf = (table: ReturnType<typeof evaluationTable>, name: string) =>
  table.rows
    .find(([first]) => first === name)
    ?.slice(1)
    .map((cell) => (typeof cell === 'string' ? cell : cell.text));

describe('evaluationTable', () => {
  it('has a row a score: mean, deviation over the seeds, interval over the records', () => {
    const table = evaluationTable([one, two]);
    expect(table.headings).toEqual(['', 'one', 'two']);
    const { mean, deviation, interval } = one.scores;
    const [low, high] = interval.rougeL!;
    expect(rowOf(table, 'ROUGE-L')?.[0]).toBe(
      `${mean.rougeL.toFixed(2)} \u00b1 ${deviation.rougeL!.toFixed(2)} [${low.toFixed(1)}, ${high.toFixed(1)}]`,
    );
    // Two seeds that agree have one of 0; one seed has none, and no self-BLEU.
    expect(rowOf(table, 'tokens per answer')?.[0]).toBe('4.00 \u00b1 0.00 [4.0, 4.0]');
    expect(rowOf(table, 'ROUGE-L')?.[1]).toMatch(/^[\d.]+ \[[\d.]+, [\d.]+\]$/);
    expect(rowOf(table, 'self-BLEU')?.[1]).toBe('');
    expect(rowOf(table, 'perplexity of the references')).toEqual(['12.35', '']);
    expect(rowOf(table, 'judge, 1 to 10')).toEqual(['6.50', '']);
    expect(rowOf(table, 'judge, % won in pairs')).toEqual(['', '50.0']);
    expect(rowOf(table, 'answers cut, %')?.[0]).toMatch(/^50\.00 /);
  });

  it('leaves out what nobody has measured', () => {
    const names = evaluationTable([evaluated('one', ['a', 'b', 'c'], [10])]).rows.map(([name]) => name);
    expect(names).toContain('BLEU');
    for (const absent of ['self-BLEU', 'judge, 1 to 10', 'perplexity of the references'])
      expect(names).not.toContain(absent);
  });

  it('leaves out scores of a judge that could not be read', () => {
    const none = { ...rating, score: Number.NaN, ratio: Number.NaN };
    const names = evaluationTable([{ ...one, rating: none }]).rows.map(([name]) => name);
    expect(names).not.toContain('judge, 1 to 10');
  });

  it.each([[], {}, ['one'], [{ name: 'one' }], [{ name: '', scores: one.scores }]])('refuses %j', (...given) => {
    expect(() => evaluationTable(given as never)).toThrow(OptionError);
  });
});

describe('reportEvaluations', () => {
  const answers = [
    {
      prompt: 'Say <b>.',
      input: 'x & y',
      reference: 'the cat sat',
      answers: [
        { by: 'one', text: 'the cat sat', score: 100, rating: 7.5 },
        { by: 'two', text: '', score: 0 },
      ],
    },
  ];

  it('is one page with the table, what it means, and the answers side by side', () => {
    const page = reportEvaluations([one, two], { title: 'Mine <1>', lead: ['3 records.'], answers });
    requireWellFormed(page.slice(page.indexOf('<main>'), page.indexOf('</main>') + 7));
    expect(page).toMatch(/^<!doctype html><!-- a report of distillm -->/);
    expect(page).toContain('<h1>Mine &lt;1&gt;</h1>');
    expect(page).toContain('Say &lt;b&gt;.');
    expect(page).toContain('>judge 7.5</span>');
    expect(page).toContain('<em>says nothing</em>');
    expect(page).toContain('bootstrap interval over the records');
    expect(page).toMatch(/<th scope="row">ROUGE-L<\/th><td class="share">/);
  });

  it('has the settings of each model, where they are told', () => {
    const page = reportEvaluations([{ ...one, settings: { '--seeds': '10,20' } }, two]);
    expect(page).toContain('<h2>Settings</h2>');
    expect(page).toMatch(/<th scope="row">--seeds<\/th><td class="short">10,20<\/td><td class="short"><\/td>/);
    expect(reportEvaluations([one])).not.toContain('<h2>Settings</h2>');
    expect(() => reportEvaluations([{ ...one, settings: { seeds: 10 } } as never])).toThrow(OptionError);
  });

  it('has no answers where none are given, and refuses options of another kind', () => {
    expect(reportEvaluations([one])).not.toContain('<h2>Answers</h2>');
    expect(() => reportEvaluations([one], { answer: answers } as never)).toThrow('Did you mean answers?');
    expect(() => reportEvaluations([one], { answers: [{ prompt: 'a' }] as never })).toThrow(OptionError);
  });
});

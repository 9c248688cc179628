import { describe, expect, it } from 'vitest';
import { chartNames, plotRuns, reportRuns } from '../../src/entries/report.js';
import { DataError, OptionError, promptTemplates } from '../../src/index.js';
import { requireWellFormed, textsOf } from './markup.js';
import { makeRun } from './runs.js';

const [one, two] = [makeRun('DistiLLM', { phi: 0.4, rate: 2 }), makeRun('SFT')];
const titles = (svg: string) => textsOf(svg).filter((_, i, all) => all[i - 1] !== undefined || i === 0);
const headings = (html: string) => [...html.matchAll(/<h2>([^<]*)</g)].map(([, words]) => words);
const figures = (html: string) => [...html.matchAll(/<svg [^>]*aria-label="([^"]*)"/g)].map(([, title]) => title);

describe('reportRuns', () => {
  it('shows tables, curves, answers and settings', () => {
    const html = reportRuns([one, two]);
    expect(headings(html)).toEqual(['Runs', 'Curves', 'Answers', 'Settings']);
    expect(figures(html)).toEqual([
      'Training loss',
      'Validation loss',
      'ROUGE-L of validation answers',
      'Exact validation answers',
      'What it trained on: DistiLLM',
      'Gradient norm',
      'Learning rate',
    ]);
    for (const words of ['before the first step', 'DistiLLM, after step 300', 'der der der', 'Die rote Katze']) {
      expect(html).toContain(words);
    }
    // Of several runs those settings in which they differ.
    expect(html).toContain('loss.kind');
    expect(html).not.toContain('optimizer.lr');
    expect(reportRuns([two])).toContain('optimizer.lr');
  });

  it('has a setting once whose flag says the same, and of digests the beginning', () => {
    const digest = (begin: string) => begin.padEnd(64, '0123456789abcdef');
    const settings = (alpha: number, more: object) => ({
      ...{
        alpha,
        lossTopK: 5 + alpha,
        validateEvery: alpha,
        validation: { every: alpha },
        other: alpha,
        digests: { data: digest(alpha > 0 ? 'abc' : 'def') },
      },
      ...{ loss: { alpha, topK: 5 + alpha }, ...more },
    });
    const html = reportRuns([
      { ...one, settings: settings(0, { other: 3 }) },
      { ...two, settings: settings(0.1, { batch: { other: 4 } }) },
    ]);
    const rows = [...html.matchAll(/<tr><th scope="row">([^<]*)<\/th>(?:<td class="short">([^<]*)<\/td>)?/g)];
    const names = rows.map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(['loss.alpha', 'loss.topK', 'other', 'digests.data']));
    for (const flag of ['alpha', 'lossTopK', 'validateEvery']) expect(names).not.toContain(flag);
    expect(rows.find(([, name]) => name === 'digests.data')?.[2]).toBe(`${digest('def').slice(0, 12)}\u2026`);
  });

  it('does not let a long heading make the others high', () => {
    const html = reportRuns([one], { tables: [{ heading: 'T', headings: ['a', 'x'.repeat(21)], rows: [['1', '2']] }] });
    expect(html).toContain('<th scope="col">a</th><th scope="col" class="long">xxx');
    expect(html).toContain('thead th.long{min-width:');
  });

  it('shows what was asked, without the template around it', () => {
    const prompt = promptTemplates.alpaca.render({ instruction: 'Translate into German.', input: 'The red cat.' });
    const [first, ...others] = one.validations.map((validation) => ({
      ...validation,
      examples: validation.examples!.map((example) => ({ ...example, prompt })),
    }));
    const html = reportRuns([{ ...one, validations: [first!, ...others] }]);
    expect(html).toContain('<p class="asked">Translate into German.</p><p>The red cat.</p>');
    expect(html).not.toContain('Below is an instruction');
    // Of another template nothing is known: the prompt is as it is.
    expect(reportRuns([one])).toContain(
      '<p class="asked">Translate into German.\nThe red cat looks for the friend.</p>',
    );
  });

  it('shows phi over each other where several runs have one', () => {
    expect(figures(reportRuns([one]))).not.toContain('phi');
    const html = reportRuns([one, makeRun('other', { phi: 0.2 })]);
    expect(figures(html)).toEqual(expect.arrayContaining(['phi', 'What it trained on: DistiLLM']));
    expect(figures(html)).toContain('What it trained on: other');
  });

  it('shows how far teacher and student agree, at the steps that compared them', () => {
    const measures = { agreement: 0.5, overlap: 0.4, studentEntropy: 2, teacherEntropy: 1 };
    const steps = two.steps.map((step) => (step.step % 100 === 0 ? { ...step, measures } : step));
    const compared = [
      'Agreement with the teacher',
      'Overlap with the teacher',
      'Entropy of the student',
      'Entropy of the teacher',
    ];
    expect(figures(reportRuns([{ ...two, steps }, one]))).toEqual(expect.arrayContaining(compared));
    for (const title of compared) expect(figures(reportRuns([two]))).not.toContain(title);
    const svg = plotRuns([{ ...two, steps }], { charts: ['agreement'] });
    expect(textsOf(svg)).toContain('Agreement with the teacher');
  });

  it('asks for nothing but itself, and runs nothing', () => {
    const html = reportRuns([one, two]);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|src=|href=|https?:/i);
    expect(html).toContain("default-src 'none'");
    for (const [svg] of html.matchAll(/<svg .*?<\/svg>/gs)) requireWellFormed(svg);
  });

  it('shows given tables and answers, and text of any origin as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const html = reportRuns([{ ...one, name: evil, settings: { [evil]: evil } }, two], {
      title: evil,
      lead: [evil],
      tables: [{ heading: evil, headings: [evil], rows: [[evil, { text: evil, share: 2 }]], note: evil }],
      answers: [
        {
          prompt: evil,
          reference: evil,
          answers: [
            { by: evil, text: evil, score: 50 },
            { by: 'b', text: ' ' },
          ],
        },
      ],
      charts: ['gradNorm', 'trainingLoss'],
    });
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(html).toContain('--share:1"');
    expect(html).toContain('says nothing');
    expect(figures(html)).toEqual(['Gradient norm', 'Training loss']);
  });

  it('folds what is long, in answers and in tables, and leaves short texts as they are', () => {
    const long = '\u{1f600} <b>'.repeat(200);
    const html = reportRuns([one], {
      tables: [{ heading: 't', headings: ['name', 'text'], rows: [['a', long]] }],
      answers: [{ prompt: 'p', reference: 'r'.repeat(400), answers: [{ by: 'b', text: long, score: 1 }] }],
    });
    expect(html.match(/<details class="long">/g)).toHaveLength(2);
    expect(html.match(/all 999 characters|all 1,000 characters/g)).toHaveLength(2);
    // Once to be seen, and once whole.
    expect(html.split('\u{1f600} &lt;b&gt;').length - 1).toBe(2 * (60 + 200));
    expect(html).not.toContain('<b>');
  });

  it('is drawn of a run that has validated only, of one that has stepped only, and of one of neither', () => {
    expect(figures(reportRuns([{ ...one, steps: [] }]))).toEqual([
      'Validation loss',
      'ROUGE-L of validation answers',
      'Exact validation answers',
    ]);
    expect(figures(reportRuns([{ ...two, validations: [] }]))).toEqual([
      'Training loss',
      'Gradient norm',
      'Learning rate',
    ]);
    const html = reportRuns([{ name: 'none', steps: [], validations: [] }]);
    expect(headings(html)).toEqual(['Runs']);
    expect(html).not.toMatch(/NaN|undefined/);
  });
});

describe('plotRuns', () => {
  it('is one SVG with the charts side by side, which needs no style sheet', () => {
    const svg = plotRuns([one, two], { charts: ['trainingLoss', 'rougeL'] });
    requireWellFormed(svg);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" id="distillm-plot" width="848" height="\d+"/);
    expect(titles(svg)).toEqual(expect.arrayContaining(['Training loss', 'ROUGE-L of validation answers']));
    expect(svg).not.toContain('<style');
    for (const [tag] of svg.matchAll(/<(?:path|rect|text)[^>]*>/g)) expect(tag).toMatch(/ (?:fill|stroke)="/);
    const all = plotRuns([one, two], { charts: chartNames });
    const places = [...all.matchAll(/<g transform="translate\((\d+) (\d+)\)"/g)].map(([, x, y]) => `${x} ${y}`);
    expect(new Set(places).size).toBe(8);
  });

  it('says what nobody has measured', () => {
    const draw = () => plotRuns([{ ...two, validations: [] }], { charts: ['rougeL', 'phi'] });
    expect(draw).toThrow(DataError);
    expect(draw).toThrow('plotRuns: SFT: nothing was measured of rougeL, phi. Choose other charts.');
  });
});

it('what is no run, and what is no chart, is refused', () => {
  expect(() => reportRuns([])).toThrow(OptionError);
  expect(() => reportRuns(one as never)).toThrow('reportRuns: runs is {"name":"DistiLLM"');
  expect(() => plotRuns([{ name: 'a', steps: [{ loss: 1 }] }] as never)).toThrow(OptionError);
  expect(() => plotRuns([one], { charts: ['losses' as never] })).toThrow(
    'plotRuns: charts[0] is losses, expected one of trainingLoss, validationLoss, rougeL, exactMatch, phi, sources, ' +
      'agreement, overlap, studentEntropy, teacherEntropy, gradNorm, lr.',
  );
  expect(() => reportRuns([one], { titel: 'x' } as never)).toThrow('Did you mean title?');
});

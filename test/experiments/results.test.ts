import { describe, expect, it } from 'vitest';
import { type ExperimentSpec, readExperiment } from '../../src/experiments/file.js';
import { type Interval, meanInterval } from '../../src/experiments/interval.js';
import { scoresIn, stepMeasures } from '../../src/experiments/measures.js';
import { type FinishedRun, reportExperiment } from '../../src/experiments/report.js';
import { configurationsOf, judge, type Spread, spreadOf } from '../../src/experiments/summary.js';
import { markdownTable, resultTable } from '../../src/experiments/tables.js';
import { barChart } from '../../src/report/charts/barChart.js';
import { requireWellFormed, textsOf } from '../report/markup.js';

const run = (loss: string, seed: number, rougeL: number, more: object = {}): FinishedRun => ({
  labels: { loss, seed: String(seed) },
  measures: { rougeL, ...more },
  digest: `${loss}${seed}`,
  folder: 'f',
  notes: [],
});
const runs = [run('KL', 1, 40), run('KL', 2, 42), run('skew', 1, 43), run('skew', 2, 41)];

describe('what runs came to', () => {
  it('is a mean with the deviation of a sample and the ends', () => {
    expect(spreadOf([1, 2, 6])).toMatchObject({ mean: 3, least: 1, most: 6, values: [1, 2, 6] });
    expect(spreadOf([1, 2, 6])?.deviation).toBeCloseTo(Math.sqrt(7), 12);
    expect([spreadOf([5])?.deviation, spreadOf([])]).toEqual([0, undefined]);
  });

  it('stands in one row for all seeds', () => {
    const table = resultTable(configurationsOf(runs), ['rougeL', 'unknown'], { isWide: true });
    expect(resultTable(configurationsOf(runs), ['rougeL']).rows[1]?.[2]).toEqual({
      text: '42.00 \u00b1 1.41',
      share: 1,
    });
    expect(table.headings).toEqual(['loss', 'seeds', 'ROUGE-L, 0 to 100']);
    expect(table.rows[0]).toEqual(['KL', '2', { text: '41.00 \u00b1 1.41 (40.00 to 42.00)', share: 41 / 42 }]);
    expect(markdownTable({ headings: ['a|b'], rows: [['x\ny\\']] })).toBe('| a\\|b |\n| --- |\n| x y\\\\ |\n');
  });

  const claim = (more: object) => ({
    text: 't',
    measure: 'rougeL',
    of: { loss: 'skew' },
    over: { loss: 'KL' },
    as: 'difference' as const,
    ...more,
  });
  it('judges a claim by the 95% interval of the mean over pairs of like seeds', () => {
    const of = (...differences: number[]) => [
      ...differences.map((_, seed) => run('KL', seed, 40)),
      ...differences.map((difference, seed) => run('skew', seed, 40 + difference)),
    ];
    // Three pairs: 4.303 standard errors to both sides.
    const three = judge(claim({ atLeast: 0 }), of(1, 2, 3));
    expect(three).toMatchObject({ holding: 3, verdict: 'cannot be told', spread: { values: [1, 2, 3] } });
    expect(three.interval?.low).toBeCloseTo(2 - 4.3027 / Math.sqrt(3), 4);
    expect(three.interval?.high).toBeCloseTo(2 + 4.3027 / Math.sqrt(3), 4);
    expect(judge(claim({ atLeast: 0 }), of(2, 2.5, 3)).verdict).toBe('holds');
    expect(judge(claim({ atLeast: 0 }), of(-2, -2.5, -3))).toMatchObject({ holding: 0, verdict: 'does not hold' });
    // Most pairs are above, and their mean: what three seeds show may be chance.
    expect(judge(claim({ atLeast: 0 }), of(3, 3, -1))).toMatchObject({ holding: 2, verdict: 'cannot be told' });
    // The same spread over more pairs is told.
    expect(judge(claim({ atLeast: 0 }), of(1, 2, 3, 1, 2, 3)).verdict).toBe('holds');
    // A range: within it, above it, across its end.
    const range = { as: 'ratio', atLeast: 1.05, atMost: 1.2 };
    expect(judge(claim(range), of(4, 4.1, 4.2)).verdict).toBe('holds');
    expect(judge(claim(range), of(20, 20.1, 20.2)).verdict).toBe('does not hold');
    expect(judge(claim(range), of(8, 8.1, 7.9)).verdict).toBe('cannot be told');
    expect(judge(claim({ as: 'ratio', atMost: 1 }), runs).spread?.values).toEqual([43 / 40, 41 / 42]);
    expect(judge(claim({ atLeast: 0 }), of(0, 0, 0)).verdict).toBe('holds');
  });

  it('cannot tell of a claim by one pair, or none', () => {
    const one = judge(claim({ atLeast: 0 }), runs.slice(0, 3));
    expect(one).toMatchObject({ spread: { values: [3] }, interval: undefined, verdict: 'cannot be told' });
    const none = judge(claim({ atLeast: 0, measure: 'bleu' }), runs);
    expect(none).toMatchObject({ spread: undefined, holding: 0, verdict: 'cannot be told' });
  });

  it("has Student's t for any number of pairs", () => {
    const reachOf = (count: number) => {
      const values = Array.from({ length: count }, (_, i) => i % 2);
      const spread = spreadOf(values) as Spread;
      const { high } = meanInterval(spread) as Interval;
      return ((high - spread.mean) / spread.deviation) * Math.sqrt(count);
    };
    // From printed tables.
    const known = [
      [2, 12.706],
      [3, 4.303],
      [6, 2.571],
      [11, 2.228],
      [12, 2.201],
      [21, 2.086],
      [31, 2.042],
      [121, 1.98],
    ] as const;
    for (const [count, t] of known) expect(reachOf(count), `${count} pairs`).toBeCloseTo(t, 3);
  });

  it('says of a claim of whose runs none was made that there are none yet', () => {
    const ofBoth = [runs, runs.slice(0, 2), runs.slice(2), []].map((made) => judge(claim({ atLeast: 0 }), made));
    expect(ofBoth.map(({ verdict }) => verdict)).toEqual(['cannot be told', ...Array(3).fill('no runs yet')]);
  });

  it('has of comparisons the mean over the steps that made them', () => {
    const step = { source: 'data', phi: 0, gradNorm: 1, stepMs: 1, generationMs: 0 };
    const compared = (agreement: number) => ({ ...step, measures: { agreement, overlap: 0.5, t: 3 } });
    const measures = stepMeasures([step, compared(0.25), step, compared(0.75), compared(Number.NaN)]);
    expect(measures).toMatchObject({ agreement: 0.5, overlap: 0.5 });
    expect(Object.keys(measures)).not.toContain('t');
    expect(Object.keys(measures)).not.toContain('studentEntropy');
  });

  it('pairs a run with a model that is no run', () => {
    const start = { ...run('start', 1, 30), labels: { loss: 'start' } };
    expect(judge(claim({ over: { loss: 'start' }, atLeast: 0 }), [...runs, start]).spread?.values).toEqual([13, 11]);
  });

  it('takes times apart, and processor times only of runs whose steps all have one', () => {
    const step = { source: 'data', phi: 0.1, gradNorm: 1, stepMs: 100, generationMs: 0, cpuMs: 200 };
    const fresh = { source: 'generate', phi: 0.2, gradNorm: 3, stepMs: 400, generationMs: 300, cpuMs: 400 };
    expect(stepMeasures([step, fresh, { ...step, phi: 0.3, gradNorm: Number.NaN }])).toEqual({
      ...{ stepSeconds: 0.6, generationSeconds: 0.3, updateSeconds: 0.3 },
      ...{ stepCpuSeconds: 0.8, generationCpuSeconds: 0.3, updateCpuSeconds: 0.5 },
      ...{ generatedShare: 100 / 3, replayedShare: 0, phi: 0.3, gradNorm: 3, gradNormLargest: 3 },
    });
    const { cpuMs: _, ...untimed } = step;
    expect(Object.keys(stepMeasures([fresh, untimed]))).not.toContain('stepCpuSeconds');
    expect(stepMeasures([])).toEqual({});
  });

  it('takes every score that eval prints, by its name', () => {
    const printed = {
      model: 'm',
      data: 'd',
      examples: 9,
      rougeL: 1.5,
      bleu: { mean: 3, deviation: 1 },
      seeds: [1],
      other: 'x',
    };
    expect(scoresIn(printed)).toEqual({ rougeL: 1.5, bleu: 3 });
  });
});

const specOf = (more: object = {}): ExperimentSpec =>
  readExperiment(
    JSON.stringify({
      title: 'Losses & <b>',
      train: {},
      eval: {},
      axes: { loss: ['KL', 'skew'], seed: [1, 2] },
      ...more,
    }),
    'f',
    () => {
      throw new Error('none');
    },
  ).spec;

describe('the report', () => {
  it('is a page, a Markdown text, a JSON value and figures', () => {
    const claims = [
      { text: 'skew | above', measure: 'rougeL', of: { loss: 'skew' }, over: { loss: 'KL' }, atLeast: 0 },
    ];
    const failures = [{ name: 'skew, seed 3', message: 'no <memory>' }];
    const files = reportExperiment({ spec: specOf({ claims, about: ['More of\n<it>'] }), total: 5, runs, failures });
    expect(Object.keys(files)).toEqual(['report.html', 'results.md', 'results.json', 'figure-1.svg']);
    const html = files['report.html'];
    for (const words of [
      '<h1>Losses &amp; &lt;b&gt;</h1>',
      'cannot be told',
      'the whole 95% interval',
      'no &lt;memory&gt;',
      '1 of 5 runs are missing',
    ])
      expect(html).toContain(words);
    expect(html).not.toMatch(/<script|https?:|undefined|NaN/);
    expect(files['results.md']).toContain('| KL | 2 | 41.00 \u00b1 1.41 (40.00 to 42.00) |');
    expect(files['results.md']).toContain('skew \\| above');
    expect(files['results.md']).toMatch(/^# Losses &amp; &lt;b&gt;\n\nMore of &lt;it&gt;\n/);
    expect(files['results.md']).toContain('no &lt;memory&gt;');
    const json = JSON.parse(files['results.json']);
    expect(json.configurations[1]).toMatchObject({
      labels: { loss: 'skew' },
      runs: 2,
      measures: { rougeL: { mean: 42 } },
    });
    expect(json.runs).toHaveLength(4);
    expect(files['figure-1.svg']).toMatch(/^<svg [^>]*id="distillm-plot"/);
    requireWellFormed(files['figure-1.svg'] as string);
  });

  it('can be made of no run at all', () => {
    const files = reportExperiment({ spec: specOf(), total: 4, runs: [], failures: [] });
    expect(files['report.html']).toContain('4 of 4 runs are missing');
    expect(JSON.parse(files['results.json']).configurations).toEqual([]);
  });

  it('draws lines along an axis of numbers, with how far the seeds reach', () => {
    const sweep = ['0', '0.1', '0.5'].flatMap((alpha, i) =>
      [1, 2].map((seed) => ({ ...run('skew', seed, 40 + i + seed), labels: { alpha, seed: String(seed) } })),
    );
    const figures = [{ kind: 'lines', title: 'Sweep', measure: 'rougeL', x: 'alpha' }];
    const spec = specOf({ axes: { alpha: [0, 0.1, 0.5], seed: [1, 2] }, figures });
    const svg = reportExperiment({ spec, total: 6, runs: sweep, failures: [] })['figure-1.svg'] as string;
    requireWellFormed(svg);
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['Sweep', 'alpha', '0.1']));
    expect(svg).toContain('alpha 0.1\n42.5');
    expect(svg.match(/fill-opacity="0.14"/g)).toHaveLength(1);
  });

  it('names in figures the axis of a number', () => {
    const sweep = ['2', '16'].flatMap((batch) =>
      ['on', 'off'].flatMap((policy) =>
        ['6', '12'].map((tokens) => ({ ...run('', 1, Number(tokens)), labels: { policy, batch, tokens, seed: '1' } })),
      ),
    );
    const figures = [
      { kind: 'lines', title: 'Lines', measure: 'rougeL', x: 'tokens' },
      { kind: 'bars', title: 'Bars', measure: 'rougeL' },
    ];
    const spec = specOf({ axes: { policy: ['on', 'off'], batch: [2, 16], tokens: [6, 12], seed: [1] }, figures });
    const files = reportExperiment({ spec, total: 8, runs: sweep, failures: [] });
    expect(textsOf(files['figure-1.svg'] as string)).toContain('on, batch 2');
    expect(textsOf(files['figure-2.svg'] as string)).toContain('off, batch 16, tokens 6');
  });

  it('draws curves that are means over seeds', () => {
    const log = (gradNorm: number) => ({
      name: 'x',
      validations: [],
      steps: [1, 2, 3].map((step) => ({
        ...{ step, source: 'data' as const, loss: 1, gradNorm: gradNorm * step, lr: 1, phi: 0, tokens: 1, stepMs: 1 },
      })),
    });
    const drawn = [
      { ...run('KL', 1, 1), log: log(1) },
      { ...run('KL', 2, 1), log: log(3) },
    ];
    const spec = specOf({ figures: [{ kind: 'curves', title: 'Norms', curve: 'gradNorm' }] });
    const svg = reportExperiment({ spec, total: 2, runs: drawn, failures: [] })['figure-1.svg'] as string;
    expect(svg).toContain('step 2\n4');
    requireWellFormed(svg);
  });

  it('tells the path of phi, and draws it, with validation losses where they were measured', () => {
    const phis = [0, 0, 0.1, 0.1, 0.2];
    const log = {
      name: 'x',
      validations: [0, 2, 4].map((step) => ({ step, loss: 1 + step / 10 })),
      steps: phis.map((phi, i) => ({
        ...{ step: i + 1, source: 'data' as const, loss: 1, gradNorm: 1, lr: 1, phi, tokens: 1, stepMs: 1 },
      })),
    };
    const figures = [
      { kind: 'curves', title: 'The path of phi', curve: 'phi' },
      { kind: 'curves', title: 'Losses', curve: 'validationLoss' },
    ];
    const drawn = [
      { ...run('KL', 1, 1), log },
      { ...run('skew', 1, 1), log: { ...log, steps: log.steps.map((step) => ({ ...step, phi: 0 })) } },
    ];
    const files = reportExperiment({ spec: specOf({ figures }), total: 2, runs: drawn, failures: [] });
    const json = JSON.parse(files['results.json']);
    expect(json.runs[0].phi).toEqual([
      { step: 1, phi: 0 },
      { step: 3, phi: 0.1 },
      { step: 5, phi: 0.2 },
    ]);
    expect(json.runs[1].phi).toEqual([{ step: 1, phi: 0 }]);
    const [phi, losses] = [files['figure-1.svg'], files['figure-2.svg']] as [string, string];
    for (const svg of [phi, losses]) requireWellFormed(svg);
    expect(phi).toContain('step 3\n0.1');
    expect(losses).toMatch(/step 4\nKL 1\.4/);
  });
});

describe('bars', () => {
  const bar = (name: string, values: number[], range?: readonly [number, number]) => ({
    name,
    values,
    range,
    label: `${values}`,
  });
  it('are as long as their values, with parts in a legend and ranges as lines', () => {
    const { content, height } = barChart({
      ...{ title: 'Time', unit: 's', parts: ['updates', 'answers'] },
      bars: [bar('on-policy', [1, 3]), bar('off', [1, 1])],
    });
    requireWellFormed(content);
    const widths = [...content.matchAll(/<rect [^>]*width="([\d.]+)" height="13"/g)].map(([, width]) => Number(width));
    expect((widths[1] as number) / (widths[0] as number)).toBeCloseTo(3, 1);
    expect((widths[3] as number) / (widths[0] as number)).toBeCloseTo(1, 1);
    expect(textsOf(content)).toEqual(expect.arrayContaining(['updates', 'answers', 'on-policy']));
    expect(height).toBe(48 + 20 + 2 * 24 + 8);
    const ranged = barChart({
      title: 't',
      unit: 'u',
      parts: ['x'],
      bars: [bar('a', [2], [1, 3]), bar('b', [2], [2, 2])],
    });
    expect(ranged.content.match(/fill="none" stroke-width="1.5"/g)).toHaveLength(1);
  });

  it('stand for nothing, zero and names of any length', () => {
    expect(textsOf(barChart({ title: 't', unit: 'u', parts: ['x'], bars: [] }).content)).toContain(
      'nothing was measured',
    );
    const { content } = barChart({
      title: 't',
      unit: 'u',
      parts: ['x'],
      bars: [bar('n'.repeat(300), [0]), bar('<', [Number.NaN])],
    });
    expect(content).not.toMatch(/width="NaN|Infinity/);
    requireWellFormed(content);
  });
});

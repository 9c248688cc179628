import { describe, expect, it } from 'vitest';
import { binned } from '../../src/report/charts/bins.js';
import { lineChart } from '../../src/report/charts/lineChart.js';
import { fittingScale } from '../../src/report/charts/scale.js';
import { sourceChart } from '../../src/report/charts/sourceChart.js';
import { shortened, textWidth } from '../../src/report/charts/text.js';
import { escaped } from '../../src/report/markup.js';
import { pathsOf, requireWellFormed, textsOf } from './markup.js';

const points = (...values: number[]) => values.map((y, i) => ({ x: i + 1, y }));
const line = (name: string, series: number, ...values: number[]) => ({ name, series, points: points(...values) });
const chart = (lines: readonly ReturnType<typeof line>[], more: object = {}) =>
  lineChart({ title: 'Loss', unit: 'nats', lines, steps: 10, scale: fittingScale, ...more });

describe('lineChart', () => {
  it('has a title, units, numbers, and a legend only where there is something to tell apart', () => {
    const one = chart([line('a run', 0, 3, 2, 1)]);
    expect(textsOf(one.content)).toEqual(expect.arrayContaining(['Loss', 'nats', 'optimizer step', '0', '10']));
    expect(textsOf(one.content)).not.toContain('a run');
    const two = chart([line('a run', 0, 3, 2, 1), line('another', 1, 4, 3, 2)]);
    expect(textsOf(two.content)).toEqual(expect.arrayContaining(['a run', 'another']));
    for (const { content } of [one, two]) requireWellFormed(content);
  });

  it('tells series apart by colour, by dashes, and by marks', () => {
    const lines = Array.from({ length: 8 }, (_, i) => line(`run ${i}`, i, 3, 2, 1));
    const { content } = chart(lines, { marks: true });
    const looks = [...content.matchAll(/<path[^>]*fill="none"[^>]*>/g)].map(
      ([tag]) => `${/stroke-dasharray="[^"]*"/.exec(tag)} ${/class="stroke-\d"/.exec(tag)}`,
    );
    // Each as a curve and as its sample in the legend.
    expect(looks).toHaveLength(16);
    expect(new Set(looks).size).toBe(8);
    expect(new Set(content.match(/<path d="M[^"]*Z" transform/g)).size).toBe(4);
  });

  it('says where there are more series than styles', () => {
    const lines = Array.from({ length: 49 }, (_, series) => ({
      name: `${series}`,
      series,
      points: [{ x: 1, y: series }],
    }));
    const drawn = (count: number) =>
      lineChart({ title: 't', unit: 'u', lines: lines.slice(0, count), steps: 2, scale: fittingScale }).content;
    expect(drawn(49)).toContain('there are more runs than styles: some look the same');
    expect(drawn(48)).not.toContain('look the same');
  });

  it('draws a lone point as a mark, and nothing as words', () => {
    const one = chart([line('a', 0, 2)]).content;
    expect(pathsOf(one, 'fill-0')).toHaveLength(1);
    expect(pathsOf(one, 'stroke-0')).toHaveLength(0);
    for (const nothing of [chart([]), chart([line('a', 0)]), chart([line('a', 0, Number.NaN)])]) {
      expect(textsOf(nothing.content)).toContain('nothing was measured');
      expect(nothing.content).not.toMatch(/NaN|Infinity|undefined/);
      requireWellFormed(nothing.content);
    }
  });

  it('leaves a gap where a value is not finite, and says so', () => {
    const { content } = chart([line('a', 0, 3, 2, Number.NaN, 2, Number.POSITIVE_INFINITY, 1)]);
    // 3-2, then the lone 2 and 1 as marks.
    expect(pathsOf(content, 'stroke-0')[0]?.match(/M/g)).toHaveLength(1);
    expect(pathsOf(content, 'fill-0')).toHaveLength(2);
    expect(textsOf(content)).toContain('2 values are not finite: a gap');
    expect(content).not.toMatch(/="[^"]*(?:NaN|Infinity|undefined)/);
  });

  it('says so where it is logarithmic', () => {
    expect(textsOf(chart([line('a', 0, 100, 1)]).content)).toContain('nats, log scale');
    expect(textsOf(chart([line('a', 0, 2, 1)]).content)).toContain('nats');
  });

  it('keeps a long run within a few kilobytes, its spikes in sight', () => {
    const values = Array.from({ length: 100_000 }, (_, i) => (i === 5000 ? 40 : 2 + Math.sin(i)));
    const long = { name: 'a', series: 0, points: values.map((y, i) => ({ x: i + 1, y })) };
    const { content } = chart([long], { steps: 100_000 });
    expect(content.length).toBeLessThan(40_000);
    const [range] = pathsOf(content, 'fill-0');
    const heights = [...range!.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
    const usual = heights.toSorted((a, b) => a - b)[10]!;
    expect(Math.min(...heights)).toBeLessThan(usual);
    expect(textsOf(content)[1]).toMatch(/mean and range of 715 steps/);
  });

  it('shows text of any origin as text', () => {
    const name = '<script>"&\u0000\ud800';
    const { content } = chart([line(name, 0, 2, 1), line('b', 1, 1, 2)], { title: name });
    requireWellFormed(content);
    expect(content).not.toContain('<script');
    expect(textsOf(content)).toContain('&lt;script&gt;&quot;&amp;\ufffd\ufffd');
  });

  it('keeps everything inside of its edges, whatever the names', () => {
    const lines = Array.from({ length: 12 }, (_, i) => line(`runs/${'long/'.repeat(i)}name-${i}`, i, 1e-7 * i, 3e7));
    const { content, width, height } = chart(lines, { steps: 123_456 });
    for (const [, x, y, words] of content.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)"[^>]*>([^<]*)</g)) {
      expect([words, Number(x) >= 0 && Number(x) <= width, Number(y) > 0 && Number(y) <= height]).toEqual([
        words,
        true,
        true,
      ]);
    }
  });
});

describe('sourceChart', () => {
  const run = (sources: string) =>
    [...sources].map((letter, i) => ({
      step: i + 1,
      source: ({ d: 'data', g: 'generate', r: 'replay' } as const)[letter as 'd'],
      phi: 0.5,
    }));

  it('shows shares of steps, the student outputs from the axis up', () => {
    const { content } = sourceChart({ title: 'Sources', run: run('ggrd'.repeat(40)), steps: 160 });
    requireWellFormed(content);
    const tops = (name: string) =>
      [...pathsOf(content, `fill-${name}`)[0]!.matchAll(/V([\d.]+)H/g)].map(([, y]) => Number(y));
    const level = (name: string) => tops(name).reduce((sum, y) => sum + y / tops(name).length, 0);
    const [whole, half, quarter] = [level('data'), level('generate'), level('replay')];
    const bottom = Number(/M[\d.]+ ([\d.]+)V/.exec(pathsOf(content, 'fill-generate')[0]!)![1]);
    expect((bottom - half) / (bottom - whole)).toBeCloseTo(0.5, 1);
    expect((bottom - quarter) / (bottom - whole)).toBeCloseTo(0.75, 1);
    expect(content).toContain('50% student, fresh\n25% student, replayed\n25% data\nphi 0.50');
  });

  it.each(['', 'g', 'd'])('takes a run of %j', (sources) => {
    const { content } = sourceChart({ title: 'Sources', run: run(sources), steps: sources.length });
    requireWellFormed(content);
    expect(content).not.toMatch(/NaN|undefined/);
    expect(textsOf(content).includes('nothing was measured')).toBe(sources === '');
  });
});

describe('binned', () => {
  it('keeps few points, and takes many together with their range', () => {
    expect(binned(points(3, 1), { from: 0, to: 10, most: 2 })).toEqual([
      { x: 1, mean: 3, low: 3, high: 3 },
      { x: 2, mean: 1, low: 1, high: 1 },
    ]);
    const many = binned(points(1, 2, 3, 4, 5, Number.NaN, Number.NaN, Number.NaN), { from: 0, to: 8, most: 4 });
    expect(many.map(({ mean, low, high }) => [mean, low, high])).toEqual([
      [1, 1, 1],
      [2.5, 2, 3],
      [4.5, 4, 5],
      [Number.NaN, Number.NaN, Number.NaN],
    ]);
  });
});

it('shortened keeps both ends of a name', () => {
  expect(shortened('short', 200, 12)).toBe('short');
  const cut = shortened(`first-${'x'.repeat(200)}-last`, 200, 12);
  expect(cut).toMatch(/^first-x+\u2026x+-last$/);
  expect(textWidth(cut, 12)).toBeLessThanOrEqual(200);
  expect(shortened('abcd', 1, 12)).toBe('a\u2026d');
});

it('escaped leaves nothing that opens a tag, an attribute or an entity', () => {
  expect(escaped('a<b>&"c"\r\nd\te\u0007')).toBe('a&lt;b&gt;&amp;&quot;c&quot;\nd\te\ufffd');
});

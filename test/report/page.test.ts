/** A report in a browser: at the widths of a phone, a tablet and a desk, in both colour schemes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plotRuns, reportEvaluations, reportRuns } from '../../src/entries/report.js';
import { scoreAnswers } from '../../src/index.js';
import { chromiumPath, launch } from '../browser/page.js';
import { makeRun } from './runs.js';

const runs = [makeRun('DistiLLM', { phi: 0.4, rate: 2 }), makeRun('KD', { rate: 1.5 }), makeRun('SFT')];
const long = 'Summarize this dialogue in one sentence.\nAnna: Hello! '.repeat(12);

/** Five models with long names, and a prompt with the answers of each. */
const names = [
  'teacher',
  'runs/sft/best',
  'runs/kd/best',
  'hf:organisation/some-longer-name-of-a-model',
  'runs/distillm/best',
];
const texts = ['The cat sat.', 'A dog.', ''];
const models = names.map((name, i) => ({
  name,
  scores: scoreAnswers(
    [10, 20].map((seed) => ({
      seed,
      answers: texts.map((text) => ({ text: text.repeat(1 + (i % 2)), tokens: 9, cut: seed > 10 })),
    })),
    [['the cat sat'], ['a dog ran'], ['nothing']],
  ),
}));
const settled = models.map((model, i) => ({
  ...model,
  ...(i > 0 && {
    difference: { rougeL: { difference: -3.1, interval: [-17.45, 11.85] as const, pValue: 0.181 } },
  }),
  settings: { '--temperature': '1', BLEU: 'case:mixed|eff:no|tok:13a|smooth:floor[0.10]' },
}));
const compared = Array.from({ length: 7 }, (_, i) => ({
  prompt: i === 0 ? long : 'Say it.',
  reference: 'x'.repeat(300),
  answers: names.map((by, at) => ({ by, text: at === 0 ? long : 'y'.repeat(200), score: 12, rating: 7.5 })),
}));

describe.skipIf(!chromiumPath)('a report in a browser', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-report-'));
    const answers = [{ prompt: long, reference: 'x'.repeat(300), answers: [{ by: 'student', text: long, score: 12 }] }];
    const tables = [
      {
        heading: 'Scores',
        headings: ['run', 'ROUGE-L', 'BLEU'],
        rows: [
          ['best', { text: '45.04', share: 1 }, '0.5'],
          ['half', { text: '22.52', share: 0.5 }, '0.2'],
        ],
      },
    ];
    await writeFile(join(folder, 'report.html'), reportRuns(runs, { answers, tables }));
    await writeFile(join(folder, 'plot.svg'), plotRuns(runs));
    await writeFile(
      join(folder, 'eval.html'),
      reportEvaluations(settled, { title: 'x'.repeat(90), answers: compared }),
    );
    browser = await launch(chromiumPath as string);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  async function open(name: string, width: number, colorScheme: 'light' | 'dark') {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const asked: string[] = [];
    const faults: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(String(error)));
    const url = pathToFileURL(join(folder, name)).href;
    await page.goto(url);
    return { page, faults, foreign: asked.filter((each) => each !== url) };
  }

  it.each([
    [390, 'light'],
    [390, 'dark'],
    [820, 'light'],
    [1440, 'dark'],
  ] as const)('fits %d pixels (%s), with readable charts, and asks for nothing', async (width, scheme) => {
    const { page, faults, foreign } = await open('report.html', width, scheme);
    const seen = await page.evaluate(() => {
      const sizes = [...document.querySelectorAll('figure text')].map((text) => {
        const svg = (text as SVGTextElement).ownerSVGElement as SVGSVGElement;
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return scale * Number(text.getAttribute('font-size'));
      });
      const outside = [...document.querySelectorAll('figure text')].filter((text) => {
        const svg = (text as SVGTextElement).ownerSVGElement as SVGSVGElement;
        const [inner, outer] = [text.getBoundingClientRect(), svg.getBoundingClientRect()];
        return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
      });
      const curve = document.querySelector('path.stroke-0') as SVGPathElement;
      return {
        pageWidth: document.documentElement.scrollWidth,
        smallest: Math.min(...sizes),
        largest: Math.max(...sizes),
        outside: outside.map((text) => text.textContent),
        columns: new Set([...document.querySelectorAll('figure')].map((each) => each.getBoundingClientRect().left))
          .size,
        background: getComputedStyle(document.body).backgroundColor,
        curve: getComputedStyle(curve).stroke,
      };
    });
    await page.close();
    expect([faults, foreign]).toEqual([[], []]);
    expect(seen.pageWidth).toBeLessThanOrEqual(width);
    expect(seen.smallest).toBeGreaterThan(9.5);
    expect(seen.largest).toBeLessThan(22);
    expect(seen.outside).toEqual([]);
    expect(seen.columns).toBe({ 390: 1, 820: 2, 1440: 3 }[width]);
    expect(seen.background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 24, 29)');
    expect(seen.curve).toBe(scheme === 'light' ? 'rgb(0, 114, 178)' : 'rgb(86, 180, 233)');
  });

  it.each([
    [390, 'dark', 1],
    [820, 'light', 2],
    [1440, 'dark', 3],
  ] as const)(
    'of an evaluation fits %d pixels (%s): the table scrolls by itself, answers are side by side',
    async (width, scheme, columns) => {
      const { page, faults, foreign } = await open('eval.html', width, scheme);
      const seen = await page.evaluate(() => {
        const box = (selector: string) => (document.querySelector(selector) as HTMLElement).getBoundingClientRect();
        return {
          pageWidth: document.documentElement.scrollWidth,
          scrollWidth: box('.scroll').width,
          tableWidth: box('table').width,
          rows: document.querySelectorAll('tbody tr').length,
          columns: new Set([...document.querySelectorAll('article')].map((each) => each.getBoundingClientRect().left))
            .size,
          outside: [...document.querySelectorAll('article *')].filter((each) => {
            const [inner, outer] = [
              each.getBoundingClientRect(),
              (each.closest('article') as Element).getBoundingClientRect(),
            ];
            return inner.width > 0 && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
          }).length,
        };
      });
      await page.close();
      expect([faults, foreign]).toEqual([[], []]);
      expect(seen).toMatchObject({ pageWidth: width, columns, outside: 0 });
      expect(seen.scrollWidth).toBeLessThanOrEqual(width);
      expect(seen.rows).toBeGreaterThan(9);
      // On a phone five models take more room than there is.
      if (width === 390) expect(seen.tableWidth).toBeGreaterThan(seen.scrollWidth);
    },
  );

  it('keeps each score on one line, and the names of the rows in sight where the table scrolls', async () => {
    const { page } = await open('eval.html', 400, 'light');
    const seen = await page.evaluate(() => {
      const scores = [...document.querySelectorAll('td.share > span:last-child')].map(
        (cell) => cell.getBoundingClientRect().height,
      );
      const scroll = document.querySelector('.scroll') as HTMLElement;
      scroll.scrollLeft = 200;
      const name = document.querySelector('tbody th') as HTMLElement;
      const [left, edge] = [name.getBoundingClientRect().left, scroll.getBoundingClientRect().left];
      const heads = [...document.querySelectorAll('thead')].map((head) => head.getBoundingClientRect().height);
      const firsts = [...document.querySelectorAll('tbody th')].map((each) => each.getBoundingClientRect().width);
      return {
        tallest: Math.max(...scores),
        shift: left - edge,
        heads,
        widest: Math.max(...firsts),
        shades: getComputedStyle(scroll).backgroundAttachment,
      };
    });
    await page.close();
    expect(seen.tallest).toBeLessThan(30);
    expect(seen.shift).toBe(0);
    expect(Math.max(...seen.heads)).toBeLessThan(80);
    expect(seen.widest).toBeLessThan(200);
    expect(seen.shades).toBe('local, scroll');
  });

  it('draws bars of a table that leave a gap before the next column', async () => {
    const { page } = await open('report.html', 1440, 'light');
    const bars = await page.evaluate(() =>
      [...document.querySelectorAll('.bar')].map((bar) => {
        const [inner, cell] = [bar.getBoundingClientRect(), (bar.closest('td') as Element).getBoundingClientRect()];
        return { width: inner.width, gap: cell.right - inner.right };
      }),
    );
    await page.close();
    const [best = { width: 0, gap: 0 }, half = { width: 0 }] = bars;
    expect(bars).toHaveLength(2);
    expect(best.gap).toBeGreaterThan(10);
    expect(half.width / best.width).toBeCloseTo(0.5, 2);
  });

  it('folds a long answer, and shows all of it once at a click', async () => {
    const { page } = await open('report.html', 820, 'light');
    const shown = () =>
      // biome-ignore lint/performance/useDomNodeTextContent: what is not shown has no rendered text
      page.evaluate(() => [...document.querySelectorAll<HTMLElement>('dd')].map(({ innerText }) => innerText));
    const [, before = ''] = await shown();
    expect(before).toMatch(/^Summarize .*\u2026 all 647 characters/s);
    expect(before.length).toBeLessThan(350);
    await page.click('dd .more');
    const [reference, after = ''] = await shown();
    expect(after.split('Anna: Hello!')).toHaveLength(13);
    expect(reference).toBe('x'.repeat(300));
    await page.close();
  });

  it('has drawings that a browser reads as SVG by themselves', async () => {
    const { page, faults } = await open('plot.svg', 1300, 'dark');
    const root = await page.evaluate(() => [
      document.documentElement.localName,
      document.querySelectorAll('text').length,
    ]);
    await page.close();
    expect(faults).toEqual([]);
    expect(root[0]).toBe('svg');
    expect(root[1]).toBeGreaterThan(50);
  });
});

import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distillm } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const plot = (...more: string[]) => distillm('plot', { more });

/** What `train` logs, in short. */
function log(steps: number, { source = 'data', loss = 2 } = {}): string {
  const time = '2026-11-27T14:34:31.853Z';
  const records = [
    { time, type: 'options', method: 'kd' },
    { time, type: 'start', step: 0, totalSteps: steps, trainedParameters: 9 },
    ...Array.from({ length: steps }, (_, i) => ({
      ...{ time, type: 'step', step: i + 1, source, loss: loss / (i + 1), gradNorm: 1, lr: 1e-3, phi: 0.5 },
      ...{ tokens: 100, stepMs: 10 },
    })),
    { time, type: 'validation', step: steps, loss, rougeL: 31.4 },
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'distillm-plot-'));
  for (const name of ['kd', 'sft', 'other/kd', 'model', 'kd/best', 'runs/a', 'runs/b', 'runs/notes'])
    await mkdir(path(name), { recursive: true });
  await writeFile(path('kd/log.jsonl'), log(30));
  await writeFile(path('sft/log.jsonl'), log(20, { loss: 3 }));
  await writeFile(path('other/kd/log.jsonl'), log(10));
  await writeFile(path('own.jsonl'), log(5));
  await writeFile(path('runs/a/log.jsonl'), log(5));
  await writeFile(path('runs/b/log.jsonl'), log(10));
});
afterAll(() => rm(folder, { recursive: true }));

describe('distillm plot', () => {
  it('draws a run beside its log, and says where', async () => {
    const { code, out, err } = await plot(path('kd'));
    expect([code, out]).toEqual([0, `${path('kd/plot.html')}\n`]);
    expect(err).toBe('Drew 1 run with 30 steps. Open the file in a browser:\n');
    const html = readFileSync(path('kd/plot.html'), 'utf8');
    expect(html).toContain('<h1>kd</h1>');
    expect(html).toContain('ROUGE-L of validation answers');
    // Its own it may replace.
    expect((await plot(path('kd'))).code).toBe(0);
  });

  it('draws several runs over each other, named as they can be told apart', async () => {
    const out = path('all.html');
    const more = ['--out', out, '--title', 'Two runs'];
    expect((await plot(path('kd'), path('sft/'), path('own.jsonl'), ...more)).code).toBe(0);
    const html = readFileSync(out, 'utf8');
    expect(html).toContain('<h1>Two runs</h1>');
    for (const name of ['kd', 'sft', 'own']) expect(html).toContain(`>${name}</text>`);
    await plot(path('kd'), path('other/kd'), '--out', out);
    expect(readFileSync(out, 'utf8')).toContain(`<th scope="row">${path('other/kd')}</th>`);
  });

  it('draws all runs of a folder of runs, and writes the report into it', async () => {
    const { code, out, err } = await plot(path('runs'));
    expect([code, out]).toEqual([0, `${path('runs/plot.html')}\n`]);
    expect(err).toContain('Drew 2 runs with 15 steps.');
    const html = readFileSync(path('runs/plot.html'), 'utf8');
    for (const name of ['a', 'b']) expect(html).toContain(`<th scope="row">${name}</th>`);
    // What is no run is passed over.
    expect(html).not.toContain('>notes<');
    const both = await plot(path('runs'), path('kd'), '--out', path('three.html'));
    expect(both.err).toContain('Drew 3 runs');
    // Beside the first log, which it says.
    const first = await plot(path('kd'), path('runs'), path('sft'));
    expect(first.out).toBe(`${path('kd/plot.html')}\n`);
    expect(first.err.replace(/\s+/g, ' ')).toContain(
      `Drew 4 runs with 65 steps. The file is in the folder of the first run, ${path('kd')}; --out FILE puts it elsewhere.`,
    );
    expect(readFileSync(path('kd/plot.html'), 'utf8')).toContain('<h1>4 runs</h1>');
    expect(readFileSync(path('three.html'), 'utf8')).toContain('<h1>a, b, kd</h1>');
    expect(both.err).not.toContain('first run');
    const twice = await plot(path('runs'), path('runs/a'));
    expect([twice.code, twice.err]).toEqual([2, expect.stringMatching(/is named twice/)]);
  });

  it('draws chosen charts as SVG', async () => {
    const { code, out } = await plot(path('kd'), '--charts', 'gradNorm,trainingLoss', '--out', path('figure.svg'));
    expect([code, out]).toEqual([0, `${path('figure.svg')}\n`]);
    const svg = readFileSync(path('figure.svg'), 'utf8');
    expect(svg.indexOf('Gradient norm')).toBeLessThan(svg.indexOf('Training loss'));
    expect(svg).not.toContain('Validation loss');
  });

  it('draws a run that was killed within a line, and says so', async () => {
    await writeFile(path('cut.jsonl'), log(5).slice(0, -7));
    const { code, err } = await plot(path('cut.jsonl'), '--out', path('cut.html'));
    expect(code).toBe(0);
    expect(err).toContain('Note: cut: the last line of the log is cut, and left out.');
  });

  it.each<[string, () => string[], number, string | RegExp]>([
    ['nothing', () => [], 2, 'plot needs <runs>. What it takes: npx distillm plot --help'],
    ['a folder that is not there', () => [path('none')], 1, /none: there is no such file or folder\. Check the path\./],
    [
      'a folder without a log',
      () => [path('model')],
      1,
      /model holds no log\.jsonl, the log of a run\. Name the folder/,
    ],
    ['a folder in a run', () => [path('kd/best')], 1, /best holds no log\.jsonl.* Did you mean '.*kd'\?/],
    ['a run twice', () => [path('kd'), path('kd/log.jsonl')], 2, /is named twice\. Name each run once\./],
    [
      'an unknown chart',
      () => [path('kd'), '--charts', 'trainingLoss,los'],
      2,
      /--charts is trainingLoss,los, expected some of trainingLoss, .*, each once, with commas between them\./,
    ],
    ['an unknown kind of file', () => [path('kd'), '--out', 'a.png'], 2, /--out a\.png .* ends in \.html or \.svg/],
    [
      'charts of nothing',
      () => [path('own.jsonl'), '--charts', 'exactMatch', '--out', path('x.svg')],
      1,
      /own: nothing was measured of exactMatch/,
    ],
  ])('refuses %s', async (_, words, code, message) => {
    const finished = await plot(...words());
    expect([finished.code, finished.out]).toEqual([code, '']);
    expect(finished.err).toMatch(message);
    expect(finished.err.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    ['half a line', `${log(3)}{"type":"step","st\n${log(1)}`, /broken\.jsonl, line 7 is not JSON/],
    ['an empty file', '', /broken\.jsonl has no step and no validation/],
    ['other data', '{"instruction":"Say a.","output":"a"}\n', /line 1 is .*expected an event with its type/],
  ])('refuses a log of %s, and leaves nothing behind', async (_, content, message) => {
    await writeFile(path('broken.jsonl'), content);
    const { code, err } = await plot(path('broken.jsonl'), '--out', path('broken.html'));
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
    expect(existsSync(path('broken.html'))).toBe(false);
  });

  it('says of links that lead in a circle that they do', async () => {
    await symlink('circle', path('circle'));
    const { code, err } = await plot(path('circle'));
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^distillm: .*circle cannot be read: links lead in a circle/),
    ]);
  });

  it('overwrites nothing but its own', async () => {
    await writeFile(path('thesis.html'), '<!doctype html><p>mine');
    const { code, err } = await plot(path('kd'), '--out', path('thesis.html'));
    expect([code, err]).toEqual([2, expect.stringMatching(/thesis\.html holds something else than a report/)]);
    expect(readFileSync(path('thesis.html'), 'utf8')).toBe('<!doctype html><p>mine');
  });
});

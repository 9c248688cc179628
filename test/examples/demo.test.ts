import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { barLine, clock, openProgress } from '../../examples/demo/progress.ts';
import { distillm } from '../cli/workspace.js';

const folder = mkdtempSync(join(tmpdir(), 'distillm-demo-'));
afterAll(() => rm(folder, { recursive: true }));

const run = (...words: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, ['--no-warnings', 'examples/demo/main.ts', ...words], (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });

describe.skipIf(!existsSync('dist/report.js'))('the demo', () => {
  it('says what goes on, scores all students, and writes a report and a student that answers', async () => {
    const out = join(folder, 'run');
    const small = ['--pairs', '40', '--epochs', '1', '--held-out', '12', '--out', out];
    const finished = await run(...small);
    expect([finished.code, finished.err]).toEqual([0, expect.stringContaining('The teacher has learnt 20,000')]);
    for (const words of ['100%', 'teacher            ROUGE-L', '+ DistiLLM', 'imitates the teacher'])
      expect(finished.err + finished.out).toContain(words);
    expect(finished.out).toMatch(/\n\+ KD +141,056 +[\d.]+ +[\d.]+ +[\d.]+\n/);
    expect(finished.out).toMatch(/minutes of processor time/);

    const html = readFileSync(join(out, 'report.html'), 'utf8');
    for (const words of ['Scores', 'Curves', 'What it trained on: DistiLLM', 'reference'])
      expect(html).toContain(words);
    for (const who of [
      'teacher',
      'student before',
      'student after more SFT',
      'student after KD',
      'student after DistiLLM',
    ])
      expect(html.split(`<dt>${who}</dt>`)).toHaveLength(9);
    expect(html.match(/<article>/g)).toHaveLength(8);
    expect(html).not.toMatch(/<script|https?:/);

    const plotted = await distillm('plot', { more: [out] });
    expect([plotted.code, plotted.out]).toEqual([0, `${join(out, 'plot.html')}\n`]);
    for (const name of ['SFT', 'KD', 'DistiLLM'])
      expect(readFileSync(join(out, 'plot.html'), 'utf8')).toContain(`<th scope="row">${name}</th>`);

    const answered = await distillm('generate', {
      more: ['--model', join(out, 'student'), '--greedy', '--device', 'wasm', '--max-new-tokens', '3', 'Say a.'],
    });
    expect([answered.code, answered.err]).toEqual([0, '']);

    // The numbers are a function of the seed: another run prints the same.
    const again = await run(...small.slice(0, -1), join(folder, 'again'));
    const scores = (text: string) => text.match(/^.*ROUGE-L +[\d.]+$/gm);
    expect(scores(again.err)).toHaveLength(5);
    expect(scores(again.err)).toEqual(scores(finished.err));
  }, 60_000);

  it.each([
    [['--seeds', '0'], "demo: --seeds is '0', expected a whole number from 1 to 1000.\n"],
    [['--seeds', '1e9'], "demo: --seeds is '1e9', expected a whole number from 1 to 1000.\n"],
    [['--pairs', '1e9'], "demo: --pairs is '1e9', expected a whole number from 20 to 1000000.\n"],
    [['--held-out', '401'], "demo: --held-out is '401', expected a whole number from 1 to 400.\n"],
    [['--colour'], "demo: Unknown option '--colour'"],
  ])('refuses %j, with its help', async (words, message) => {
    const { code, out, err } = await run(...words);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err).toContain('--seeds <number>');
  });
});

describe('its progress', () => {
  const parts = [
    { name: 'teacher', work: 1 },
    { name: 'KD', work: 3 },
  ];
  function opened(isTTY: boolean) {
    let written = '';
    let time = 0;
    const write = (text: string) => {
      written += text;
      return true;
    };
    const out = { isTTY, columns: 80, write } as never;
    const progress = openProgress(parts, { out, now: () => time });
    return { progress, at: (ms: number) => (time = ms), text: () => written };
  }

  it('is a share of the whole, with the time that is left at the speed so far', () => {
    const { progress, at, text } = opened(true);
    progress.next();
    expect(text()).toContain('[                        ]   0%  estimating  teacher');
    at(10_000);
    progress.update(1);
    expect(text()).toContain('[=====>                  ]  25%  0:30 left   teacher');
    progress.next();
    at(20_000);
    progress.update(1 / 3, 'step 5 of 15');
    expect(text()).toContain('[===========>            ]  50%  0:20 left   KD: step 5 of 15');
    progress.say('KD is done');
    expect(text()).toMatch(/\r.{0,6}KD is done\n$/);
  });

  it('is a line for each tenth in a pipe', () => {
    const { progress, at, text } = opened(false);
    progress.next();
    progress.next();
    for (let step = 0; step <= 100; step++) {
      at(1000 * step);
      progress.update(step / 100, `step ${step}`);
    }
    expect(text().split('\n')).toHaveLength(10);
    expect(text()).toContain(' 40%  ');
    expect(text()).not.toMatch(/\r/);
  });

  it('has a line that fits 80 columns', () => {
    const line = barLine({ share: 0.999, msLeft: 3_599_000, words: 'seed 3, DistiLLM: step 700 of 700, loss 0.12' });
    expect(line.length).toBeLessThanOrEqual(80 + 16);
    expect(line).toContain(' 99%');
    expect([0, 59_600, 65_000, 3_600_000].map(clock)).toEqual(['0:00', '1:00', '1:05', '60:00']);
  });
});

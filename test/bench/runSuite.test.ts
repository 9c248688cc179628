import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeProcessor, kindOf } from '../../bench/frame/processor.ts';
import type { Suite } from '../../bench/frame/suite.ts';
import { chooseSuites } from '../../bench/runner/chooseSuites.ts';
import { showProgress } from '../../bench/runner/progress.ts';
import { chaptersOf, keepResult } from '../../bench/runner/resultsFolder.ts';
import { runSuite } from '../../bench/runner/runSuite.ts';
import { chapter } from '../../bench/runner/table.ts';
import { suites } from '../../bench/suites.ts';

const measured = { case: 'a', unit: 'ms', median: 2, min: 1, max: 3, runs: 3 };
const scripts = {
  'good.mjs': `console.log(JSON.stringify({ runtime: 'Test 1' })); console.log('{"case":"a","unit":"ms","median":2,"min":1,"max":3,"runs":3}');`,
  'told.mjs': `console.log(JSON.stringify({ runtime: process.env.HELD_TO }));`,
  'fails.mjs': `console.error('a warning'); throw new TypeError('no such thing');`,
  'killed.mjs': `process.kill(process.pid, 'SIGKILL');`,
  'hangs.mjs': `import { writeFileSync } from 'node:fs'; process.on('SIGTERM', () => {}); writeFileSync(new URL('hangs', import.meta.url), ''); console.log('${JSON.stringify(measured)}'); setInterval(() => {}, 1000);`,
  'loops.mjs': `console.log('${JSON.stringify(measured)}'); for (;;);`,
};
const variant = (script: keyof typeof scripts | 'none.py') => ({ name: script, script });
const suite = (...names: Parameters<typeof variant>[0][]): Suite => ({
  name: 'test',
  about: 'about',
  variants: names.map(variant),
});

let folder: string;
const pathOf = (script: string) => join(folder, script);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-'));
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(folder, name), text);
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe('a suite', () => {
  it('gives the process of a variant its variables', async () => {
    const held = { ...suite(), variants: [{ ...variant('told.mjs'), env: { HELD_TO: 'AVX2' } }] };
    expect((await runSuite(held, { pathOf })).machine).toContain('AVX2');
  });

  it('has the results of variants that ran, and why others did not', async () => {
    vi.stubEnv('BENCH_PYTHON', join(folder, 'nopython'));
    const { variants, skipped, machine, processor } = await runSuite(
      suite('good.mjs', 'fails.mjs', 'killed.mjs', 'none.py'),
      {
        pathOf,
      },
    );
    vi.unstubAllEnvs();
    expect(variants).toEqual([{ name: 'good.mjs', measurements: [measured] }]);
    expect(machine).toContain('Test 1');
    expect(processor).toEqual(describeProcessor());
    expect(skipped).toEqual([
      'fails.mjs: exit 1: TypeError: no such thing',
      'killed.mjs: ended by SIGKILL',
      expect.stringMatching(/^none\.py: .*nopython did not start: .*ENOENT/),
    ]);
  });

  it('stops a variant at the time limit, and shows nothing of what it measured', async () => {
    const { variants, skipped } = await runSuite(suite('loops.mjs', 'good.mjs'), { pathOf, limitMinutes: 0.01 });
    expect(variants.map(({ name }) => name)).toEqual(['good.mjs']);
    expect(skipped).toEqual(['loops.mjs: stopped at the limit of 0.01 minutes, what it measured is left out']);
  });

  it('ends the process of the variant in progress when it is interrupted, even one that would go on', async () => {
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const ended = expect(runSuite(suite('hangs.mjs', 'good.mjs'), { pathOf, signal: controller.signal })).rejects.toBe(
      reason,
    );
    await vi.waitFor(() => access(join(folder, 'hangs')), { timeout: 30_000 });
    const started = performance.now();
    controller.abort(reason);
    await ended;
    // The promise waits for the process: it let SIGTERM pass.
    expect(performance.now() - started).toBeGreaterThan(2900);
  });
});

describe('progress', () => {
  const line = async (isTTY: boolean) => {
    let text = '';
    const out = { isTTY, columns: 40, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
    const progress = showProgress('2 of 3: distillm, 2 threads', out);
    progress.measured(2);
    progress.end('not run: exit 1: TypeError: no such thing');
    return text;
  };

  it('is written over in a terminal, cut where it would wrap; the last line is whole', async () => {
    const parts = (await line(true)).split('\r\x1b[K').slice(1);
    expect(parts).toEqual([
      '  2 of 3: distillm, 2 threads ... 0 s',
      '  2 of 3: distillm, 2 threads ... 0 s, ',
      '  2 of 3: distillm, 2 threads ... 0 s, 2 cases measured; not run: exit 1: TypeError: no such thing\n',
    ]);
  });

  it('is one line in a file', async () => {
    expect(await line(false)).toBe(
      '  2 of 3: distillm, 2 threads ... 0 s, 2 cases measured; not run: exit 1: TypeError: no such thing\n',
    );
  });
});

describe('the command line', () => {
  const choose = (...words: string[]) => chooseSuites(suites, { words, options: { tune: { type: 'boolean' } } });

  it('chooses the suites that are named, or whose names begin so', () => {
    const names = (...words: string[]) => {
      const choice = choose(...words);
      return 'chosen' in choice ? choice.chosen.map(({ name }) => name) : choice;
    };
    expect(names()).toHaveLength(suites.length);
    expect(names('--filter', 'gemm')).toEqual(['gemm', 'gemm-stored', 'gemm-webgpu']);
    expect(names('--filter=decode')).toEqual(['decode', 'decode-smollm2']);
    expect(names('--filter=decode-')).toEqual(['decode-smollm2']);
    expect(names('decode', 'gemm')).toEqual(['gemm', 'decode']);
    expect(choose('--tune')).toMatchObject({ values: { tune: true } });
  });

  it.each([
    [['--filter', 'nosuch'], "No suite's name begins with 'nosuch'"],
    [['--filter'], "'--filter <value>' argument missing"],
    [['--fliter', 'gemm'], "Unknown option '--fliter'"],
    [['gemn'], "There is no suite 'gemn'"],
    [['gemm', '--filter', 'decode'], 'Suites are named, and --filter is given'],
  ])('refuses %j, and lists the suites', (words, why) => {
    const choice = choose(...words);
    expect('refused' in choice && choice.refused).toContain(why);
    expect('refused' in choice && choice.refused).toContain('Suites: gemm, gemm-stored,');
  });
});

it('results are kept whole, a file a suite and kind of processor, and shown in the order of the suites', async () => {
  const target = join(folder, 'results');
  const [wide, narrow] = ['AVX-512, 512 bits', 'AVX2, 256 bits'].map((vectors) => ({ name: 'Sample (CPU)', vectors }));
  const result = { about: '', date: '2026-01-01', machine: 'm', variants: [], skipped: [], processor: wide! };
  for (const suite of ['tokenizer', 'gemm', 'gemm']) await keepResult(target, { ...result, suite });
  await keepResult(target, { ...result, suite: 'gemm', processor: narrow! });
  expect((await readdir(target, { recursive: true })).filter((path) => path.endsWith('.json')).sort()).toEqual([
    'sample-cpu-avx-512/gemm.json',
    'sample-cpu-avx-512/tokenizer.json',
    'sample-cpu-avx2/gemm.json',
  ]);
  const kept = JSON.parse(await readFile(join(target, 'sample-cpu-avx-512/gemm.json'), 'utf8'));
  expect(kept).toEqual({ ...result, suite: 'gemm' });
  expect((await chaptersOf(target)).match(/^##+ .*/gm)).toEqual([
    '## gemm',
    '### Sample (CPU), AVX-512, 512 bits',
    '### Sample (CPU), AVX2, 256 bits',
    '## tokenizer',
    '### Sample (CPU), AVX-512, 512 bits',
  ]);
});

describe('a processor', () => {
  const x86 = (model: string, flags: string) =>
    `processor\t: 0\ncpu family\t: 6\nmodel\t\t: 106\nmodel name\t: ${model}\nflags\t\t: fpu ${flags}\n`;

  it.each([
    [x86('Xeon  8375C ', 'sse4_1 avx2 fma avx512f'), 'Xeon  8375C (family 6, model 106)', 'AVX-512, 512 bits'],
    [x86('Core i5', 'sse4_1 avx2 fma'), 'Core i5 (family 6, model 106)', 'AVX2, 256 bits'],
    [x86('Core 2', 'sse4_1'), 'Core 2 (family 6, model 106)', 'SSE4.1, 128 bits'],
    ['model name\t: Neoverse-N1\nFeatures\t: fp asimd\n', 'Neoverse-N1', 'NEON, 128 bits'],
  ])('is named with what tells its generation, and the width of its vectors', (cpuinfo, name, vectors) => {
    expect(describeProcessor(cpuinfo)).toEqual({ name, vectors });
  });

  it('has a name on every system', () => {
    expect(describeProcessor('').name).not.toBe('');
    expect(kindOf(describeProcessor(''))).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});

it('a table has the cases of every variant, and no ratio to nothing', () => {
  const measured = (name: string, median: number) => ({
    case: name,
    unit: '%',
    median,
    min: median,
    max: median,
    runs: 1,
  });
  const variants = [
    { name: 'kernels', measurements: [measured('add', 50), measured('relu', 0)] },
    { name: 'models', measurements: [measured('gpt2', 3), measured('add', 25)] },
  ];
  const processor = { name: 'p', vectors: 'v' };
  const text = chapter([{ suite: 's', about: '', date: '', processor, machine: '', variants, skipped: [] }]);
  expect(text.split('\n').filter((line) => line.startsWith('| ') && line.includes('%'))).toEqual([
    '| add | kernels | 50.0 % | 50.0-50.0 | 1.00 |',
    '| add | models | 25.0 % | 25.0-25.0 | 0.50 |',
    '| relu | kernels | 0.00 % | 0.00-0.00 |  |',
    '| gpt2 | models | 3.00 % | 3.00-3.00 | 1.00 |',
  ]);
});

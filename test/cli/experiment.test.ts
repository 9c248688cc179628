/** Grids of tiny runs: listed, run, stopped, gone on with, skipped, damaged, failed. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duration } from '../../src/cli/format.js';
import { testTerminal } from './terminal.js';
import { distillm, type Finished, makeWorkspace } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const tiny = { template: 'compact', batchSize: 4, steps: 3, validateEvery: 3, device: 'wasm' };
const sft = {
  ...tiny,
  method: 'sft',
  studentConfig: 'config.json',
  tokenizer: 'prepared:tokenizer',
  data: 'train.jsonl',
};
const spec = {
  title: 'Tiny losses',
  prepare: {
    tokenizer: { command: 'tokenizer', data: 'train.jsonl', template: 'compact', vocabSize: 280 },
    teacher: { ...sft, seed: 7 },
    start: { ...sft, seed: '{seed}' },
  },
  train: {
    ...tiny,
    ...{ method: 'kd', teacher: 'prepared:teacher', student: 'prepared:start', data: 'train.jsonl', rougeSamples: 0 },
  },
  eval: { data: 'held-out.jsonl', seeds: [1], limit: 4, maxNewTokens: 4, device: 'wasm' },
  axes: { loss: { KL: { loss: 'forwardKL' }, 'skew KL': { loss: 'skewKL' } }, seed: [1, 2] },
  compareWith: { teacher: 'prepared:teacher' },
  claims: [{ text: 'skew is no worse', measure: 'rougeL', of: { loss: 'skew KL' }, over: { loss: 'KL' }, atLeast: 0 }],
};
type Spec = Omit<typeof spec, 'compareWith' | 'claims'> & object;

async function write(name: string, value: object): Promise<void> {
  await writeFile(path(name), JSON.stringify(value, undefined, 1));
}
const experiment = (file: string, out: string, more: string[] = [], terminal = testTerminal()): Promise<Finished> =>
  distillm('experiment', { more: [path(file), '--out', path(out), '--threads', '1', ...more], terminal });
const resultsIn = (out: string, name = 'grid') =>
  JSON.parse(readFileSync(path(out, name, 'results.json'), 'utf8')) as {
    runs: { labels: object; measures: Record<string, number>; digest: string }[];
    failures: { name: string; message: string }[];
    missing: number;
  };
/** Scores, which time does not touch. */
const scoresIn = (out: string, name?: string) =>
  resultsIn(out, name).runs.map(({ labels, measures: { rougeL, exactMatch, validationLoss, gradNorm } }) => ({
    ...{ labels, rougeL, exactMatch, validationLoss, gradNorm },
  }));
const namesIn = (...parts: string[]) => (existsSync(path(...parts)) ? readdirSync(path(...parts)).sort() : []);

let whole: Finished;
beforeAll(async () => {
  folder = await makeWorkspace();
  await write('grid.json', spec);
  whole = await experiment('grid.json', 'whole');
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

describe('an experiment', () => {
  it('makes what its runs need once, then each run with its scores, and a report', () => {
    expect(whole.code, whole.err).toBe(0);
    const report = path('whole/grid/report.html');
    expect(JSON.parse(whole.out)).toEqual({ runs: 5, done: 5, failed: 0, report });
    expect(whole.err).toMatch(/^\[1\/5\] KL, seed 1: ROUGE-L [\d.]+, \d+\w*; about \d+\w* left$/m);
    expect(whole.err).toMatch(/^\[5\/5\] teacher: ROUGE-L/m);
    // Each is named when it begins.
    const places = [
      ...['1/5 KL, seed 1: tokenizer: tokenizer', 'tokenizer is prepared', '1/5 KL, seed 1: teacher: train'],
      ...['teacher is prepared', '1/5 KL, seed 1: train', '1/5 KL, seed 1: eval', '[1/5] KL, seed 1: ROUGE-L'],
      ...['2/5 KL, seed 2: start, seed 2: train', '5/5 teacher: eval', '[5/5] teacher: ROUGE-L'],
    ].map((words) => whole.err.split('\n').findIndex((line) => line.startsWith(words)));
    expect(places).toEqual([...places].sort((one, other) => one - other));
    expect(places).not.toContain(-1);
    expect(whole.err).toContain('\n5 of 5 runs have their results.\n');
    expect(whole.err.match(/^.*(?= is prepared, in )/gm)).toEqual([
      ...['tokenizer', 'teacher', 'start, seed 1', 'start, seed 2'],
    ]);
    expect(namesIn('whole/prepared').map((name) => name.replace(/-[0-9a-f]{16}$/, ''))).toEqual([
      ...['start-seed-1', 'start-seed-2', 'teacher', 'tokenizer'],
    ]);
    const { runs, missing } = resultsIn('whole');
    expect([runs.length, missing, runs[4]?.labels]).toEqual([5, 0, { loss: 'teacher' }]);
    for (const { measures } of runs.slice(0, 4)) {
      expect(measures.stepCpuSeconds).toBeGreaterThan(0);
      expect(measures.gradNorm).toBeGreaterThan(0);
    }
    // KL and skew KL learn differently, and so do seeds.
    expect(new Set(runs.slice(0, 4).map(({ measures }) => measures.gradNorm)).size).toBe(4);
    expect(namesIn('whole/grid')).toEqual(['figure-1.svg', 'report.html', 'results.json', 'results.md']);
    expect(readFileSync(report, 'utf8')).toContain('skew is no worse');
  });

  it('tells the time of a run without that of what is prepared, which it tells apart', () => {
    const [own, score] = ['runs', 'scores'].map((kind) => {
      const [name = ''] = namesIn('whole', kind).filter((each) => each.startsWith('KL-seed-1-'));
      return JSON.parse(readFileSync(path('whole', kind, name, 'result.json'), 'utf8')).value.seconds as number;
    }) as [number, number];
    expect(whole.err).toMatch(
      new RegExp(`^\\[1/5\\] KL, seed 1: ROUGE-L [\\d.]+, ${duration(1000 * (own + score))};`, 'm'),
    );
    expect(whole.err.indexOf('start, seed 1 is prepared, in ')).toBeLessThan(whole.err.indexOf('[1/5]'));
  });

  it('has runs with several teachers, prepared and from files, which are known by what is in them', async () => {
    const records = readFileSync(path('train.jsonl'), 'utf8').trim().split('\n');
    const routed = records.map((line, i) => JSON.stringify({ ...JSON.parse(line), by: i % 2 === 0 ? 'a' : 'b' }));
    await writeFile(path('routed.jsonl'), routed.join('\n'));
    const teachers = (b: string) => ({
      teacher: ['a=prepared:teacher', `b=${b}`],
      teacherField: 'by',
      data: 'routed.jsonl',
    });
    const taught = (b: string) => ({
      ...spec,
      ...{ train: { ...spec.train, ...teachers(b) }, claims: [], compareWith: {} },
      axes: { loss: { KL: { loss: 'forwardKL' } }, seed: [1] },
    });
    await write('several.json', taught('prepared:start'));
    const first = await experiment('several.json', 'whole');
    expect(first.code, first.err).toBe(0);
    const [prepared = ''] = namesIn('whole/prepared').filter((name) => name.startsWith('start-seed-1'));
    await write('files.json', taught(`./whole/prepared/${prepared}/made/last`));
    const again = await experiment('files.json', 'whole');
    expect(again.code, again.err).toBe(0);
    await write('nowhere.json', taught('./nowhere'));
    const nowhere = await experiment('nowhere.json', 'whole');
    expect([nowhere.code, nowhere.err]).toEqual([
      2,
      expect.stringContaining("'teacher' is ./nowhere, and there is no such"),
    ]);
  });

  it('does not run again what has its result, whatever it is called', async () => {
    const times = () => namesIn('whole/runs').map((name) => statSync(path('whole/runs', name, 'result.json')).mtimeMs);
    const before = times();
    const renamed = {
      ...spec,
      axes: { divergence: { a: { loss: 'forwardKL' }, b: { loss: 'skewKL' } }, seed: [1, 2] },
      claims: [],
    };
    await write('renamed.json', renamed);
    for (const name of ['grid', 'renamed']) {
      const again = await experiment(`${name}.json`, 'whole');
      expect([again.code, again.err]).toEqual([0, expect.stringContaining('5 of 5 runs have their results already.')]);
      expect(again.err.match(/have their results/g)).toHaveLength(1);
    }
    expect(times()).toEqual(before);
    expect(namesIn('whole/runs')).toHaveLength(before.length);
    expect(scoresIn('whole', 'renamed').map(({ rougeL }) => rougeL)).toEqual(
      scoresIn('whole').map(({ rougeL }) => rougeL),
    );
  });

  it('runs anew where a setting or what is in a file is another', async () => {
    const left = async (name: string, value: object) => {
      await write(name, value);
      const { code, out, err } = await experiment(name, 'whole', ['--dry-run']);
      expect(code, err).toBe(0);
      return JSON.parse(out);
    };
    expect(await left('same.json', spec)).toMatchObject({ dryRun: true, left: 0, notEstimated: 0 });
    // Scored in another way: nothing is trained again.
    const scored = await left('scored.json', { ...spec, eval: { ...spec.eval, limit: 3 } });
    expect(scored.left).toBe(5);
    expect((await left('longer.json', { ...spec, train: { ...spec.train, lr: 0.1 } })).left).toBe(4);
    await copyFile(path('train.jsonl'), path('copy.jsonl'));
    const elsewhere = { ...spec, train: { ...spec.train, data: 'copy.jsonl' } };
    expect((await left('copy.json', elsewhere)).left).toBe(0);
    await writeFile(path('copy.jsonl'), readFileSync(path('train.jsonl'), 'utf8').replace('ant', 'ANT'));
    expect((await left('copy.json', elsewhere)).left).toBe(4);
  });

  it('stops at Ctrl-C with what is done, and goes on to the same results', async () => {
    const terminal = testTerminal({
      wrote: (err, self) => {
        if (/^\[2\/5\]/m.test(err) && !err.includes('Stopping')) self.interrupt();
      },
    });
    const stopped = await experiment('grid.json', 'stopped', [], terminal);
    expect([stopped.code, stopped.err]).toEqual([130, expect.stringContaining('The same command goes on.')]);
    const { done } = JSON.parse(stopped.out);
    expect(done).toBe(2);
    expect(resultsIn('stopped').missing).toBe(3);
    const ended = await experiment('grid.json', 'stopped');
    expect([ended.code, ended.err]).toEqual([0, expect.stringContaining('2 of 5 runs have their results already.')]);
    expect(scoresIn('stopped')).toEqual(scoresIn('whole'));
  }, 60_000);

  it('stops within a moment while it trains a tokenizer', async () => {
    const words = Array.from({ length: 60_000 }, (_, i) => `${(i * 7919).toString(36)}x${(i * 104_729).toString(36)}`);
    await writeFile(path('words.txt'), words.join(' '));
    const tokenizer = { ...spec.prepare.tokenizer, data: 'words.txt', model: 'unigram', vocabSize: 20_000 };
    await write('words.json', { ...spec, prepare: { ...spec.prepare, tokenizer }, claims: [] });
    let pressed = 0;
    const terminal = testTerminal({
      wrote: (said, self) => {
        if (!said.endsWith(': tokenizer: tokenizer\n')) return;
        setTimeout(() => {
          pressed = performance.now();
          self.interrupt();
        }, 300);
      },
    });
    const { code, err } = await experiment('words.json', 'words', [], terminal);
    expect([code, err]).toEqual([130, expect.stringContaining('Stopped with 0 of 5 runs.')]);
    expect(performance.now() - pressed).toBeLessThan(1000);
    expect(namesIn('words/prepared').flatMap((name) => namesIn('words/prepared', name))).toEqual([]);
  }, 60_000);

  it('notices results that are damaged, and makes these anew', async () => {
    const of = (kind: string) => namesIn('stopped', kind).map((name) => path('stopped', kind, name, 'result.json'));
    const [cut, changed, empty] = [of('scores')[0], of('runs')[1], of('runs')[2]] as [string, string, string];
    const text = readFileSync(cut, 'utf8');
    await writeFile(cut, text.slice(0, -20));
    await writeFile(changed, readFileSync(changed, 'utf8').replace('"gradNorm":', '"gradNorm":9'));
    await writeFile(empty, '');
    const mended = await experiment('grid.json', 'stopped');
    expect(mended.code, mended.err).toBe(0);
    for (const [file, why] of [
      [cut, 'it is cut'],
      [changed, 'its bytes are not those that were written'],
      [empty, 'it is empty'],
    ] as const)
      expect(mended.err).toContain(`Note: ${file} is damaged: ${why}`);
    expect(scoresIn('stopped')).toEqual(scoresIn('whole'));
  }, 60_000);

  it('makes a model anew that is gone, where something needs it, and none that is scored already', async () => {
    const [run] = namesIn('stopped/runs') as [string];
    const [teacher] = namesIn('stopped/prepared').filter((name) => name.startsWith('teacher')) as [string];
    await rm(path('stopped/runs', run, 'made'), { recursive: true });
    await rm(path('stopped/prepared', teacher, 'made'), { recursive: true });
    const unneeded = await experiment('grid.json', 'stopped');
    expect([unneeded.code, unneeded.err]).toEqual([
      0,
      expect.stringContaining('5 of 5 runs have their results already.'),
    ]);
    const scores = namesIn('stopped/scores').map((name) => path('stopped/scores', name));
    for (const folder of scores) await rm(folder, { recursive: true });
    const again = await experiment('grid.json', 'stopped');
    expect(again.code, again.err).toBe(0);
    expect(again.err.match(/^Note: what .* made is gone/gm)).toHaveLength(2);
    expect(scoresIn('stopped')).toEqual(scoresIn('whole'));
  }, 60_000);

  it('tells several failures, and makes the rest', async () => {
    const backwards = { loss: 'taid', taidStart: 0.5, taidEnd: 0.4 };
    const axes = { loss: { backwards, KL: { loss: 'forwardKL' } }, seed: [1, 2] };
    await write('failing.json', { ...spec, axes, claims: [], compareWith: {} });
    const { code, out, err } = await experiment('failing.json', 'whole');
    expect([code, JSON.parse(out)]).toEqual([1, expect.objectContaining({ runs: 4, done: 2, failed: 2 })]);
    expect(err).toMatch(
      /^\[3\/4\] backwards, seed 1 failed: taid: --taid-end is 0\.4, expected at least start \(0\.5\)\.$/m,
    );
    expect(err).toMatch(/^\[4\/4\] backwards, seed 2 failed, as backwards, seed 1 did$/m);
    expect(err.match(/--taid-end is 0\.4/g)).toHaveLength(1);
    expect(err).toContain(
      '2 failures, told above; the same command tries again:\n  backwards, seed 1\n  backwards, seed 2\n',
    );
    expect(resultsIn('whole', 'failing').failures).toHaveLength(2);
    expect(readFileSync(path('whole/failing/report.html'), 'utf8')).toContain('What failed');
  });

  it('refuses an option that the loss does not have before anything runs', async () => {
    await write('foreign.json', {
      ...spec,
      axes: { loss: { 'no alpha': { loss: 'forwardKL', alpha: 0.1 } }, seed: [1] },
      claims: [],
    });
    const { code, out, err } = await experiment('foreign.json', 'foreign');
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/no alpha.*--alpha does not apply to the loss forwardKL/);
    expect(namesIn('foreign')).toEqual([]);
  });

  it('tells what could not be prepared once, and what waits for it', async () => {
    const bad = JSON.parse(readFileSync(path('config.json'), 'utf8'));
    await write('bad.json', { ...bad, n_head: 3 });
    const prepare = { ...spec.prepare, teacher: { ...spec.prepare.teacher, studentConfig: 'bad.json' } };
    const train = { ...spec.train, student: null, studentConfig: 'config.json', tokenizer: 'prepared:tokenizer' };
    await write('unprepared.json', { ...spec, prepare, train, claims: [] });
    const { code, err } = await experiment('unprepared.json', 'whole');
    expect(code).toBe(1);
    expect(err).toMatch(/^teacher failed: .*n_head/m);
    expect(err.match(/^\[\d\/5\] .* failed: needs teacher, which failed$/gm)).toHaveLength(5);
  });

  it('lists its runs without writing anything, and says what they would take', async () => {
    const trials = readdirSync(tmpdir()).filter((name) => name.startsWith('distillm-dry-run-'));
    const { code, out, err } = await experiment('grid.json', 'nowhere', ['--dry-run']);
    expect([code, existsSync(path('nowhere'))]).toEqual([0, false]);
    expect(err).toContain(
      '  prepared: tokenizer (tokenizer)\n  prepared: teacher (train)\n  prepared: start (train), 2 times\n',
    );
    expect(err).toContain('  skew KL, seed 2\n');
    // Nothing is prepared: trainings are measured with models of one step.
    expect(err).toMatch(
      /^5 runs, 5 to make: about \d+\w+ for preparing and training; what scoring takes .*\. Nothing was written\.$/m,
    );
    expect(err).toMatch(/^Measuring 5 kinds of preparing and training, for some seconds each \.\.\.$/m);
    const { seconds, ...estimated } = JSON.parse(out);
    expect(estimated).toMatchObject({ dryRun: true, left: 5, runs: { length: 5 }, notEstimated: 5 });
    expect(seconds).toBeGreaterThan(0);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('distillm-dry-run-'))).toEqual(trials);
    await write('more.json', { ...spec, axes: { ...spec.axes, seed: [1, 2, 3] }, train: { ...spec.train, steps: 5 } });
    const known = await experiment('more.json', 'whole', ['--dry-run', '--only', 'seed=1']);
    expect(known.err).toMatch(/^3 runs, 2 to make: about \d+\w+ for training and scoring\. Nothing was written\.$/m);
  }, 60_000);

  it('says of what it cannot measure that it is not known, and stops measuring at Ctrl-C', async () => {
    const bad = JSON.parse(readFileSync(path('config.json'), 'utf8'));
    await write('odd.json', { ...bad, n_head: 3 });
    const prepare = { ...spec.prepare, teacher: { ...spec.prepare.teacher, studentConfig: 'odd.json' } };
    await write('unmeasured.json', { ...spec, prepare, claims: [] });
    const { code, err } = await experiment('unmeasured.json', 'nowhere', ['--dry-run']);
    expect(code, err).toBe(0);
    expect(err).toMatch(
      /^5 runs, 5 to make: about \d+\w+ for preparing.*; what \d+ commands for .* will take could not be measured\. Nothing/m,
    );
    const terminal = testTerminal({
      wrote: (said, self) => {
        if (said.includes('teacher\n')) setTimeout(() => self.interrupt(), 50);
      },
    });
    const stopped = await experiment('grid.json', 'nowhere', ['--dry-run'], terminal);
    expect([stopped.code, stopped.out]).toEqual([130, '']);
  }, 60_000);

  it('makes only what it is asked for, and reports what is there', async () => {
    const file = { ...spec, axes: { ...spec.axes, seed: [1, 2, 3] }, claims: [] };
    await write('wider.json', file);
    const { code, out, err } = await experiment('wider.json', 'whole', ['--only', 'loss=KL', 'seed=3', 'seed=1']);
    expect([code, JSON.parse(out)], err).toEqual([0, expect.objectContaining({ runs: 7, done: 6 })]);
    const refused = await experiment('wider.json', 'whole', ['--only', 'seed=4']);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringContaining('--only seed=4: there is no 4 on the axis seed, expected one of 1, 2, 3.'),
    ]);
    const named = await experiment('wider.json', 'whole', ['--only', 'loss=teachr']);
    expect(named.err).toContain('expected one of KL, skew KL, teacher. Did you mean teacher?');
  }, 60_000);
});

describe('what is wrong with an experiment', () => {
  const refused = async (change: (spec: Spec) => object): Promise<string> => {
    await write('wrong.json', change({ ...structuredClone(spec), claims: [], compareWith: {} } as Spec));
    const { code, err } = await experiment('wrong.json', 'wrong');
    expect(code, err).toBe(2);
    expect(existsSync(path('wrong'))).toBe(false);
    return err.replace(path('wrong.json'), 'FILE');
  };
  const train = (more: object) => (each: Spec) => ({ ...each, train: { ...each.train, ...more } });

  it.each<[string, (spec: Spec) => object, RegExp]>([
    ['a name', train({ aplha: 0.1 }), /FILE, line \d+: there is no option 'aplha'\. Did you mean 'alpha'\?/],
    ['a value', train({ batchSize: 0 }), /FILE, line \d+: 'batchSize' is 0, expected an integer of at least 1\./],
    [
      'a value of an axis',
      (each) => ({ ...each, axes: { lr: [1, 'x'], seed: [1] } }),
      /FILE, line \d+: 'lr' is x, expected/,
    ],
    [
      'a measure',
      (each) => ({ ...each, measures: ['rougeM'] }),
      /FILE, line \d+: 'measures\[0\]' is rougeM, expected one of .*Did you mean/,
    ],
    ['a rule', train({ epochs: 1 }), /FILE, line \d+: KL, seed 1: .*--epochs.* and --steps.* are both given/],
    ['what the experiment decides', train({ out: 'x' }), /FILE, line \d+: 'out' is decided by the experiment\./],
    ['a file', train({ data: 'nothing.jsonl' }), /FILE, line \d+: 'data' is nothing\.jsonl, and there is no such file/],
    [
      'what is not prepared',
      train({ teacher: 'prepared:teachr' }),
      /nothing is prepared as 'teachr'\. Did you mean teacher\?/,
    ],
    ['what is missing', train({ data: null }), /FILE, line \d+: train needs 'data'\./],
    [
      'a command',
      (each) => ({ ...each, prepare: { ...each.prepare, teacher: { command: 'plot' } } }),
      /FILE, line \d+: 'command' is plot, expected one of train, /,
    ],
    [
      'a circle',
      (each) => ({ ...each, prepare: { ...each.prepare, tokenizer: { ...sft, seed: 1 } } }),
      /'tokenizer' needs 'tokenizer', which goes in a circle\./,
    ],
    [
      'an axis',
      (each) => ({ ...each, axes: {} }),
      /FILE, line \d+: 'axes' is \{\}, expected an object with at least one axis/,
    ],
  ])('is told before anything runs: %s', async (_, change, words) => {
    expect(await refused(change)).toMatch(words);
  });

  it('is told of the file itself, and of a folder that holds something else', async () => {
    await writeFile(path('broken.json'), '{\n "title": "x",\n}');
    expect((await experiment('broken.json', 'wrong')).err).toMatch(
      /broken\.json, line 3: found \}, expected a name in double quotes/,
    );
    expect((await experiment('none.json', 'wrong')).err).toMatch(
      /none\.json cannot be read: there is no such file or folder/,
    );
    expect((await distillm('experiment')).err).toContain('experiment needs <file>.');
    expect((await distillm('experiment a.json b.json')).err).toContain('experiment takes one file, and got 2.');
    await mkdir(path('held/grid'), { recursive: true });
    await writeFile(path('held/grid/results.json'), 'mine');
    expect((await experiment('grid.json', 'held')).err).toContain('holds something else than results of an experiment');
  }, 60_000);
});

const built = resolve('dist/cli.js');
it.skipIf(!existsSync(built))(
  'an experiment that is killed within a run goes on with it, to the same results',
  async () => {
    const words = ['experiment', path('grid.json'), '--out', path('killed'), '--threads', '1'];
    const isWithin = () =>
      namesIn('killed/runs').some((name) => namesIn('killed/runs', name, 'made').includes('log.jsonl'));
    const child = spawn(process.execPath, [built, ...words]);
    const timer = setInterval(() => {
      if (isWithin()) child.kill('SIGKILL');
    }, 2);
    const signal = await new Promise((done) => child.on('close', (_, by) => done(by)));
    clearInterval(timer);
    expect(signal).toBe('SIGKILL');
    const ended = await experiment('grid.json', 'killed');
    expect(ended.code, ended.err).toBe(0);
    expect(scoresIn('killed')).toEqual(scoresIn('whole'));
  },
  60_000,
);

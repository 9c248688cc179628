import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { losses } from '../../src/distill/losses/index.js';
import { methods } from '../../src/distill/methods/index.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const tiny = '--device wasm --threads 1';
const eventsOf = async (log: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path(log), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const settingsOf = async (log: string) => (await eventsOf(log)).find(({ type }) => type === 'settings')!;
const weights = (run: string) => readFile(path(run, 'last/model.safetensors'));
/** A file of options for `train`. */
const config = async (options: object, name = 'run.json') => {
  await writeFile(path(name), JSON.stringify(options, null, 2));
  return `train --config ${path(name)}`;
};

beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
  const student = `--student-config ${path('config.json')} --tokenizer ${path('tokenizer')}`;
  const teacher = await distillm(
    `train --method sft --data ${path('train.jsonl')} ${student} --template compact --steps 1 --out ${path('teacher')} ${tiny}`,
  );
  expect(teacher.code, teacher.err).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

const sft = () => ({
  ...{ method: 'sft', data: path('train.jsonl'), studentConfig: path('config.json'), tokenizer: path('tokenizer') },
  ...{ template: 'compact', validation: 3, batchSize: 4, betas: [0.8, 0.99], device: 'wasm', threads: 1 },
});

it('takes the options of a run from a file, by the names of flags and by those of the API', async () => {
  const flat = await config({ ...sft(), out: path('flat'), steps: 3, lr: 5e-3, validateEvery: 2 });
  expect(await distillm(flat)).toMatchObject({ code: 0 });
  const grouped = await config({
    ...{ ...sft(), validation: undefined, betas: undefined },
    ...{ out: path('grouped'), steps: 3, optimizer: { lr: 5e-3, betas: [0.8, 0.99] } },
  });
  const { code, err } = await distillm(`${grouped} --validation 3 --validate-every 2`);
  expect(code, err).toBe(0);
  expect(await settingsOf('grouped/log.jsonl')).toEqual({
    ...(await settingsOf('flat/log.jsonl')),
    time: expect.any(String),
  });
  expect((await weights('grouped')).equals(await weights('flat'))).toBe(true);
});

it('puts what is typed before what the file has, and takes the place of what contradicts it', async () => {
  const line = await config({ ...sft(), out: path('unused'), epochs: 20, lr: 1, batchSize: 5 });
  const { code, err } = await distillm(`${line} --out ${path('typed')} --steps 2 --lr 0.001`);
  expect(code, err).toBe(0);
  expect(await settingsOf('typed/log.jsonl')).toMatchObject({ steps: 2, batchSize: 5, optimizer: { lr: 0.001 } });
  const [options] = await eventsOf('typed/log.jsonl');
  expect(options).toMatchObject({ type: 'options', method: 'sft', batchSize: 5, steps: 2 });
  expect(options).not.toHaveProperty('config');
  expect(options).not.toHaveProperty('epochs');
});

it('gives the same run again from the log that it kept, or from its first line', async () => {
  const line = await config({
    ...{ ...sft(), method: 'distillm', studentConfig: undefined, tokenizer: undefined },
    ...{ teacher: path('teacher/last'), student: path('teacher/last'), steps: 3, loss: 'skewKL', alpha: 0.2 },
    ...{ initThreshold: 0.7, capacity: 8, maxNewTokens: 4, rougeSamples: 2, fields: { output: 'output' } },
  });
  const first = await distillm(`${line} --out ${path('first')}`);
  expect(first.code, first.err).toBe(0);
  const [options] = (await readFile(path('first/log.jsonl'), 'utf8')).split('\n');
  await writeFile(path('options.json'), options!);
  for (const [file, out] of [
    ['first/log.jsonl', 'from-log'],
    ['options.json', 'from-line'],
  ] as const) {
    const again = await distillm(`train --config ${path(file)} --out ${path(out)}`);
    expect(again.code, again.err).toBe(0);
    expect((await weights(out)).equals(await weights('first'))).toBe(true);
  }
  // The line of settings says nothing of files and models, and keeps to its data.
  await writeFile(path('settings.json'), JSON.stringify(await settingsOf('first/log.jsonl')));
  const models = `--teacher ${path('teacher/last')} --student ${path('teacher/last')} ${tiny}`;
  const settings = `train --config ${path('settings.json')} ${models} --data ${path('train.jsonl')}`;
  const same = await distillm(`${settings} --validation 3 --out ${path('from-settings')}`);
  expect(same.code, same.err).toBe(0);
  expect((await weights('from-settings')).equals(await weights('first'))).toBe(true);
  const other = await distillm(`${settings} --validation 4 --out ${path('other-data')}`);
  expect([other.code, other.err]).toEqual([
    1,
    expect.stringMatching(
      /--data has the digest \w+, dataDigest\.train is \w+\. Give the data that the settings were made for/,
    ),
  ]);
  const refused = await distillm(`train --config ${path('first/log.jsonl')}`);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(`--out (in ${path('first/log.jsonl')}) `)]);
});

it.each(Object.keys(methods))('gives the same run again from the settings of a run of %s', async (method) => {
  const isSft = method === 'sft';
  const models = isSft
    ? `--student-config ${path('config.json')} --tokenizer ${path('tokenizer')}`
    : `--student ${path('teacher/last')} --teacher ${path('teacher/last')}`;
  const shared = `--data ${path('train.jsonl')} ${models} --template compact ${tiny}`;
  const own = method === 'minillm' ? '--clip-ratio 0.3 --updates 2 --teacher-share 0.1' : '';
  for (const validation of [0, 4]) {
    // Without validations the policy of distillm has nothing to follow.
    if (validation === 0 && method === 'distillm') continue;
    const out = `${method}-${validation}`;
    const first = await distillm(
      `train --method ${method} ${own} ${shared} --validation ${validation} --steps 2 --batch-size 4 --max-new-tokens 4 --out ${path(out)}`,
    );
    expect(first.code, first.err).toBe(0);
    const { time: _, ...settings } = await settingsOf(`${out}/log.jsonl`);
    await writeFile(path('settings.json'), JSON.stringify(settings));
    const again = await distillm(
      `train --config ${path('settings.json')} ${shared} --validation ${validation} --out ${path(`${out}-again`)}`,
    );
    expect(again.code, again.err).toBe(0);
    expect(await settingsOf(`${out}-again/log.jsonl`)).toEqual({ ...settings, time: expect.any(String) });
    expect((await weights(`${out}-again`)).equals(await weights(out))).toBe(true);
  }
});

/** Options of which no default is among them, all that a kind has; those that exclude each other as further ones. */
const common = { temperature: 2, teacherTemperature: 3, temperatureSquared: true, clamp: 4, topK: 5 };
const ownOptions: { readonly [Kind in keyof typeof losses]: readonly object[] } = {
  alphaBeta: [{ alpha: 0.5, beta: 0.6 }],
  alphaMixture: [{ alpha: -1, lambda: 0.4, between: 'mixtureStudent', divergenceAlpha: 0.3, divergenceBeta: 0.8 }],
  forwardKL: [{}],
  jensenShannon: [{ weight: 0.3 }],
  reverseKL: [{}],
  skewKL: [{ alpha: 0.2 }],
  skewReverseKL: [{ alpha: 0.3 }],
  symmetricKL: [{ weight: 0.3 }],
  taid: [
    { start: 0.3, end: 0.9, rate: 0.01, momentum: 0.8, follows: 'divergence' },
    { start: 0.3, end: 0.9, linear: true },
  ],
  totalVariation: [{}],
};

it('gives every loss back from a line of settings, all of its options set, on data and on answers of the student', async () => {
  const kinds = Object.keys(losses) as (keyof typeof losses)[];
  const all = kinds.flatMap((kind) => {
    const set = new Set(['kind', ...Object.keys(common), ...ownOptions[kind].flatMap((own) => Object.keys(own))]);
    expect([...set].sort()).toEqual(['kind', ...Object.keys(losses[kind].options.shape)].sort());
    return ownOptions[kind].map((own) => ({ kind, ...common, ...own }));
  });
  const models = `--student ${path('teacher/last')} --teacher ${path('teacher/last')} --data ${path('train.jsonl')}`;
  const shared = `${models} --template compact --validation 3 ${tiny}`;
  const first = await distillm(
    `train --method distillm --sgo onPolicy --student-loss skewKL ${shared} --steps 1 --batch-size 2 --max-new-tokens 2 --rouge-samples 0 --out ${path('losses-0')}`,
  );
  expect(first.code, first.err).toBe(0);
  const { time: _, ...settings } = await settingsOf('losses-0/log.jsonl');
  // What changes during a run may be the loss alone.
  const steady = all.filter(({ kind }) => kind !== 'taid');
  for (const [i, loss] of all.entries()) {
    const line = { ...settings, loss, studentLoss: steady[(i + 3) % steady.length] };
    const again = await distillm(`${await config(line)} ${shared} --out ${path(`losses-${i + 1}`)}`);
    expect(again.code, again.err).toBe(0);
    expect(await settingsOf(`losses-${i + 1}/log.jsonl`)).toEqual({ ...line, time: expect.any(String) });
  }
});

it('takes options from a line that is longer than a MiB, as a run on very many files keeps them', async () => {
  const options = JSON.stringify({ type: 'options', ...sft(), steps: 1, out: path('long-line') });
  const line = `${options.slice(0, -1)}${' '.repeat(3 * 2 ** 19)}}`;
  await writeFile(path('long.jsonl'), `${line}\n{"type":"decided"}\n`);
  const { code, err } = await distillm(`train --config ${path('long.jsonl')}`);
  expect(code, err).toBe(0);
  // Whose log it is, is in such a line as well.
  const log = `{"time":"2026-11-27T00:00:00.000Z",${line.slice(1)}\n{"type":"start"}\n`;
  await writeFile(path('other-log.jsonl'), log);
  const other = await distillm(
    `train --config ${path('long.jsonl')} --out ${path('another')} --log ${path('other-log.jsonl')}`,
  );
  expect([other.code, other.err]).toEqual([
    2,
    expect.stringContaining(`is the log of the run in ${path('long-line')}`),
  ]);
  expect(await readFile(path('other-log.jsonl'), 'utf8')).toBe(log);
});

it('typed losses and policies leave out the options of others in the file', async () => {
  const line = await config({
    ...{ ...sft(), method: 'distillm', studentConfig: undefined, tokenizer: undefined, out: path('unused') },
    ...{ teacher: path('teacher/last'), student: path('teacher/last'), steps: 1, maxNewTokens: 2, rougeSamples: 0 },
    ...{
      loss: { kind: 'skewKL', alpha: 0.2, temperature: 2 },
      sgo: { kind: 'adaptiveOffPolicy', guard: { cap: 0.5 } },
    },
  });
  const typed = await distillm(`${line} --loss reverseKL --sgo dataOnly --out ${path('losses')}`);
  expect(typed.code, typed.err).toBe(0);
  expect(await settingsOf('losses/log.jsonl')).toMatchObject({
    loss: { kind: 'reverseKL', temperature: 1 },
    sgo: { kind: 'dataOnly' },
  });
  const kept = await distillm(`${line} --out ${path('kept')}`);
  expect(kept.code, kept.err).toBe(0);
  expect(await settingsOf('kept/log.jsonl')).toMatchObject({
    loss: { kind: 'skewKL', alpha: 0.2, temperature: 2 },
    sgo: { kind: 'adaptiveOffPolicy', guard: { cap: 0.5 } },
  });
});

it.each<[object, string]>([
  [{ batchsize: 8 }, "there is no option 'batchsize'. Did you mean 'batchSize'?"],
  [{ 'batch-size': 8 }, "there is no option 'batch-size'. Did you mean 'batchSize'?"],
  [{ learningRate: 1 }, "there is no option 'learningRate'. Did you mean 'lr'?"],
  [{ lossAlpha: 0.2 }, "there is no option 'lossAlpha'. Did you mean 'alpha' or 'divergenceAlpha'?"],
  [{ curriculum: true }, "there is no option 'curriculum'. Did you mean 'curriculumAlpha' or 'curriculumWeight'?"],
  [{ optimizer: { lrr: 1 } }, "there is no option 'optimizer.lrr'. Did you mean 'optimizer.lr'?"],
  [{ config: 'x' }, "there is no option 'config'."],
  [{ time: 'x' }, "there is no option 'time'."],
  [{ batchSize: 1.5 }, "'batchSize' is 1.5, expected an integer of at least 1."],
  [{ batchSize: '8' }, "'batchSize' is the string '8', expected a number."],
  [{ out: 8 }, "'out' is the number 8, expected text."],
  [{ batchSize: null }, "'batchSize' is null, expected text or a number."],
  [{ resume: 'yes' }, "'resume' is 'yes', expected true or false."],
  [
    { method: 'stf' },
    "'method' is stf, expected one of distillm, distillm2, gkd, imitkd, kd, minillm, onPolicy, seqkd, sft. Did you mean sft?",
  ],
  [{ schedule: 'cosin' }, "'schedule' is cosin, expected one of constant, linear, cosine, noam. Did you mean cosine?"],
  [{ optimizer: { betas: [0.9] } }, "'optimizer.betas' is 0.9, expected two numbers of at least 0 and below 1."],
])('names what is wrong in %j', async (options, message) => {
  const { code, err, out } = await distillm(await config(options));
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(`distillm: ${path('run.json')}: ${message}`);
  expect(err.trimEnd().split('\n')).toHaveLength(1);
});

it('says which values of a contradiction come from the file', async () => {
  const file = path('run.json');
  const thresholds = await config({ ...sft(), method: 'distillm', teacher: 'x', student: 'y', phiCap: 0.4, out: 'z' });
  const contradicted = await distillm(
    `${thresholds} --init-threshold 0.5 --student ${path('teacher/last')} --teacher ${path('teacher/last')}`,
  );
  expect([contradicted.code, contradicted.err]).toEqual([
    2,
    `distillm: adaptiveOffPolicy: --phi-cap (in ${file}) is 0.4, expected between --init-threshold (0.5) and 1.\n`,
  ]);
  const misplaced = await distillm(`${await config({ ...sft(), alpha: 0.1, out: 'z' })}`);
  expect([misplaced.code, misplaced.err]).toEqual([
    2,
    `distillm: --alpha (in ${file}) does nothing with --method (in ${file}) sft. Leave it out, or choose another method.\n`,
  ]);
  const missing = await distillm(await config({ method: 'sft', data: 'x' }));
  expect(missing.err).toBe('distillm: train needs --out <folder>. What it is: npx distillm train --help\n');
});

it('says of a file that is none', async () => {
  const missing = await distillm(`train --config ${path('none.json')}`);
  expect([missing.code, missing.err]).toEqual([
    1,
    expect.stringContaining('none.json cannot be read: there is no such'),
  ]);
  await writeFile(path('run.json'), '[1]');
  const list = await distillm(`train --config ${path('run.json')}`);
  expect([list.code, list.err]).toEqual([1, expect.stringContaining('expected a JSON object, found an array')]);
  await writeFile(path('run.json'), '{"lr": 1,}');
  expect((await distillm(`train --config ${path('run.json')}`)).err).toContain('run.json: not valid JSON');
});

it('says what to do where the options that a run kept are gone', async () => {
  const options = { ...sft(), steps: 1, lr: 1e-3, out: path('emptied') };
  expect(await distillm(await config(options))).toMatchObject({ code: 0 });
  const kept = await readFile(path('emptied/options.jsonl'), 'utf8');
  // A bit that flips in a digit is another number, and a learning rate may be another.
  const flipped = kept.replace('"lr":0.001', '"lr":0.003');
  expect(flipped).not.toBe(kept);
  for (const text of ['', '{"type":"opti', kept.slice(0, kept.lastIndexOf('{')), flipped]) {
    await writeFile(path('emptied/options.jsonl'), text);
    const { code, err } = await distillm(`train --resume --out ${path('emptied')}`);
    expect(code).toBe(1);
    expect(err.replace(/\s+/g, ' ')).toContain(
      'options.jsonl does not hold the options of the run any more: it is empty, cut or changed. Remove it, and name the ' +
        'options again, as the run was started, beside --resume.',
    );
  }
  const anew = await distillm(`train --config ${path('emptied/options.jsonl')} --out ${path('anew')}`);
  expect([anew.code, anew.err]).toEqual([
    1,
    expect.stringMatching(/options\.jsonl does not hold .*: it was changed\./),
  ]);
  await rm(path('emptied/options.jsonl'));
  const again = await distillm(`${await config(options)} --resume`);
  expect(again.code, again.err).toBe(0);
});

it('goes on with a run by its folder alone', async () => {
  const line = await config({ ...sft(), out: path('whole'), steps: 5, validateEvery: 1, tensorboard: path('board') });
  expect(await distillm(line)).toMatchObject({ code: 0 });
  const terminal = testTerminal({
    wrote: (err, self) => {
      if (err.includes('validation after step 2')) self.interrupt();
    },
  });
  const halves = `${line} --out ${path('halves')} --tensorboard ${path('halves-board')}`;
  const stopped = await distillm(halves, { terminal });
  const [, goOn] = /\nTo go on:\n {2}npx distillm (.*)\n$/.exec(stopped.err) ?? [];
  expect([stopped.code, goOn]).toEqual([130, `train --resume --out ${path('halves')}`]);
  const resumed = await distillm(goOn!);
  expect(resumed.code, resumed.err).toBe(0);
  expect((await weights('halves')).equals(await weights('whole'))).toBe(true);
  const steps = (await eventsOf('halves/log.jsonl')).filter(({ type }) => type === 'step');
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  const other = await distillm(`train --resume --out ${path('halves')} --batch-size 5`);
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('--batch-size was 4 and is 5')]);
  const none = await distillm(`train --resume --out ${path('nothing-there')}`);
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('nothing-there holds none. Check the path')]);
});

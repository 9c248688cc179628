/** Methods by name on the command line: the settings that they come to, flags over them, and flags that do nothing. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flagOf } from '../../src/cli/options.js';
import { methods } from '../../src/distill/methods/index.js';
import { policies } from '../../src/distill/sgo/index.js';
import { leavesOf } from '../../src/settings/index.js';
import { testTerminal } from './terminal.js';
import { distillm, makeWorkspace } from './workspace.js';

let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
const tiny = '--device wasm --threads 1 --template compact --batch-size 4';
const train = (line: string) => distillm(`train --data ${path('train.jsonl')} ${tiny} ${line}`);
const small = '--steps 2 --validation 4 --rouge-samples 0 --max-new-tokens 4';

beforeAll(async () => {
  folder = await makeWorkspace();
  await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  const fresh = `--student-config ${path('config.json')} --tokenizer ${path('tokenizer')}`;
  const made = await train(`--method sft ${fresh} --steps 1 --validation 0 --out ${path('teacher')}`);
  expect(made.code, made.err).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

const models = () => `--teacher ${path('teacher/last')} --student-config ${path('config.json')}`;
const settingsOf = async (out: string): Promise<Record<string, unknown>> => {
  const lines = (await readFile(path(out, 'log.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'settings');
};

describe('--method', () => {
  const names = (Object.keys(methods) as (keyof typeof methods)[]).filter((name) => methods[name].hasTeacher);

  it.each(names)('%s runs with the settings of the method in code', async (name) => {
    const { code, err } = await train(`--method ${name} ${models()} ${small} --out ${path(name)}`);
    expect(code, err).toBe(0);
    const { optimizer, ...expected } = { optimizer: {}, ...methods[name]() };
    expect(await settingsOf(name)).toMatchObject({ ...expected, optimizer });
  });

  it('has its own options as flags, and others over what the method sets', async () => {
    const line = `${models()} ${small} --method gkd --beta 0.1 --lambda 0.25 --out ${path('own')}`;
    const own = await train(line);
    expect(own.code, own.err).toBe(0);
    expect(await settingsOf('own')).toMatchObject({
      loss: { kind: 'jensenShannon', weight: 0.9 },
      sgo: { kind: 'mixed', share: 0.25 },
    });
    const over = await train(
      `${models()} ${small} --method minillm --updates 1 --lr 1e-3 --sgo offPolicy --student-share 0.75 --replay-schedule constant ` +
        `--teacher-share 0.4 --no-dropout --no-single-step --capacity 8 --out ${path('over')}`,
    );
    expect(over.code, over.err).toBe(0);
    expect(await settingsOf('over')).toMatchObject({
      objective: { kind: 'policyGradient', updates: 1, clip: 0.2, noSingleStep: true },
      sgo: { kind: 'offPolicy', share: 0.75, schedule: 'constant' },
      generation: { teacherShare: 0.4 },
      optimizer: { lr: 1e-3 },
      noDropout: true,
    });
    const later = await train(
      `${models()} ${small} --method kd --loss taid --taid-start 0.2 --taid-linear --loss-temperature 2 --teacher-temperature 1 ` +
        `--temperature-squared --loss-clamp 5 --loss-top-k 20 --compare-every 2 --out ${path('later')}`,
    );
    expect(later.code, later.err).toBe(0);
    expect(await settingsOf('later')).toMatchObject({
      loss: {
        ...{ kind: 'taid', start: 0.2, linear: true, temperature: 2, teacherTemperature: 1, temperatureSquared: true },
        ...{ clamp: 5, topK: 20 },
      },
      compareEvery: 2,
    });
    const contrast = await train(
      `${models()} ${small} --method distillm2 --alpha 0.3 --student-alpha 0.2 --answers data --out ${path('contrast')}`,
    );
    expect(contrast.code, contrast.err).toBe(0);
    expect(await settingsOf('contrast')).toMatchObject({
      loss: { kind: 'skewKL', alpha: 0.3 },
      studentLoss: { kind: 'skewReverseKL', alpha: 0.2 },
      answers: 'data',
    });
  });

  it('goes on from its folder alone', async () => {
    const { code, err } = await distillm(`train --resume --steps 3 --out ${path('distillm2')}`);
    expect(code, err).toBe(0);
    expect(err).toContain('going on after step 2');
  });

  it('is listed in the help with what it does', async () => {
    const { out } = await distillm('train --help');
    const words = out.replace(/\s+/g, ' ');
    for (const { kind, summary } of Object.values(methods)) expect(words).toContain(`${kind}: ${summary}.`);
    expect(words).toContain(`--teacher <source...> the teacher (${names.join(', ')}), `);
  });

  it('has flags that the tables of docs/methods.md tell where they have other names than the options', async () => {
    const rows = (await readFile('docs/methods.md', 'utf8')).split('\n');
    const told: [kind: string, flag: string][] = [];
    for (const { kind, options } of [...Object.values(methods), ...Object.values(policies)]) {
      const row = rows.find((line) => line.startsWith(`| \`${kind}`));
      for (const { path, flag } of leavesOf(options)) {
        const name = path.at(-1) as string;
        if (typeof flag !== 'string' || flag === name || !row?.includes(name)) continue;
        told.push([kind, flagOf(flag)]);
        expect(row, kind).toContain(`\`${flagOf(flag)}\``);
      }
    }
    expect(told).toContainEqual(['minillm', '--clip-ratio']);
  });

  it.each([
    ['--method kd --beta 0.5', '--beta does nothing with --method kd. Leave it out, or choose another method.'],
    ['--method distillm --lambda 0.5', '--lambda does nothing with --method distillm.'],
    ['--method gkd --updates 2', '--updates does nothing with --method gkd.'],
    ['--method seqkd --student-share 0.5', '--student-share does nothing with --method seqkd.'],
    [
      '--method seqkd --loss skewKL',
      '--loss skewKL is about the divergence, and --kd-ratio is 0: cross-entropy alone is learnt.',
    ],
    ['--method kd --pairs', '--pairs does nothing with --method kd.'],
    // Switches of losses and of methods take no value.
    ['--method sft --no-single-step', '--teacher does nothing with --method sft.'],
    ['--loss forwardKL --taid-linear', '--taid-linear does not apply to the loss forwardKL, only to taid.'],
    [
      '--method kd --alpha 0.3',
      '--alpha does not apply to the loss forwardKL, only to alphaMixture, skewKL and skewReverseKL. Leave it out.',
    ],
    [
      '--loss alphaBeta --mixture-lambda 0.3',
      '--mixture-lambda does not apply to the loss alphaBeta, only to alphaMixture. Leave it out.',
    ],
    [
      '--sgo dataOnly --capacity 9',
      '--capacity does not apply to the sgo dataOnly, only to adaptiveOffPolicy and offPolicy.',
    ],
    ['--student-alpha 0.3', '--student-alpha is about --student-loss, which is not given.'],
    [
      '--student-loss forwardKL --student-alpha 0.3',
      '--student-alpha does not apply to the student loss forwardKL, only to alphaMixture,',
    ],
    ['--method seqkd --compare-every 5', '--compare-every 5 is about the divergence, and --kd-ratio is 0'],
    ['--method kd --generation-top-k 3', '--generation-top-k does nothing with --method kd.'],
    [
      '--method mystery',
      '--method is mystery, expected one of distillm, distillm2, gkd, imitkd, kd, minillm, onPolicy, seqkd, sft',
    ],
  ])('%s is wrong usage, told at once', async (line, message) => {
    const { code, err } = await distillm(`train --teacher no/t --student no/s --data no/d --out no/o ${line}`);
    expect(code).toBe(2);
    expect(err.replace(/\s+/g, ' ')).toContain(message);
  });

  it('draws the answers of a teacher as --generation-temperature says', async () => {
    const run = await train(`--method seqkd ${models()} ${small} --generation-temperature 0 --out ${path('greedy')}`);
    expect(run.code, run.err).toBe(0);
    expect(run.err).toMatch(/the teacher has answered 16 of 16 prompts in /);
  });

  it.each([false, true])(
    'says how far the teacher has answered before it validates (on a terminal: %s)',
    async (isTTY) => {
      const terminal = testTerminal({ isTTY });
      const line = `train --data ${path('train.jsonl')} ${tiny} --method distillm2 ${models()} ${small} --out ${path(`told-${isTTY}`)}`;
      const run = await distillm(line, { terminal });
      expect(run.code, run.err).toBe(0);
      const at = [
        'answers: 0 of 16 prompts',
        'has answered 16 of 16',
        'validating before the first step',
        'after step 0',
      ];
      const places = at.map((words) => run.err.indexOf(words));
      expect([Math.min(...places) >= 0, places]).toEqual([true, places.toSorted((a, b) => a - b)]);
    },
  );

  it.each([
    ['the teacher answers', '0 of 16 prompts'],
    ['it validates before the first step', 'validating before the first step'],
  ])('stopped while %s, names no model that is not there, and how it is started again', async (name, words) => {
    const out = path(`stopped ${name}`);
    const board = path(`board ${name}`);
    const log = path(`${name}.jsonl`);
    const terminal = testTerminal({ wrote: (err, self) => err.includes(words) && self.interrupt() });
    const line = `train --data ${path('train.jsonl')} ${tiny} --method seqkd ${models()} ${small}`;
    const more = ['--out', out, '--tensorboard', board, '--log', log];
    const stopped = await distillm(line, { more, terminal });
    const { student, ...printed } = JSON.parse(stopped.out);
    expect([stopped.code, student, printed]).toMatchObject([130, undefined, { step: 0, reason: 'aborted' }]);
    const again = `npx distillm train --config "${out}/options.jsonl" --out "${out}"\n`;
    expect(stopped.err).toContain(`The run has no state yet. To start it again:\n  ${again}`);
    const resumed = await distillm('train --resume --out', { more: [out] });
    expect([resumed.code, resumed.err]).toEqual([
      1,
      `distillm: --resume goes on from a state, and the run in ${out} was stopped before its first. Start it again, without ` +
        `--resume:\n  ${again}`,
    ]);
    // By the same command, and by the one that is told.
    for (const words of [
      [...line.split(' '), ...more],
      ['train', '--config', `${out}/options.jsonl`, '--out', out],
    ]) {
      const begun = testTerminal({ wrote: (err, self) => err.includes('of 16 prompts') && self.interrupt() });
      const isLast = words.includes('--config');
      const run = await distillm('', { more: words, ...(!isLast && { terminal: begun }) });
      expect([isLast, run.code, run.err]).toEqual([isLast, isLast ? 0 : 130, expect.any(String)]);
      if (!isLast) continue;
      expect(existsSync(JSON.parse(run.out).student)).toBe(true);
      expect(run.err).toMatch(/the teacher has answered 16 of 16/);
    }
  });
});

/** Runs in processes of their own that are killed on purpose, and two at once. Uses dist/. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { distillm, makeWorkspace } from './workspace.js';

const built = resolve('dist/cli.js');
let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

const begins = (out: string, steps = 12) =>
  `train --method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --data ${path('train.jsonl')} ` +
  `--template compact --validation 4 --validate-every 3 --save-every 1 --keep 1 --steps ${steps} --batch-size 4 --device wasm ` +
  `--threads 1 --out ${path(out)}`;

/** Starts a process, and kills it once `when` holds. */
async function ended(line: string, when: () => boolean = () => false, signal?: NodeJS.Signals) {
  const child: ChildProcess = spawn(process.execPath, [built, ...line.split(' ')]);
  let err = '';
  child.stderr!.on('data', (data) => {
    err += data;
  });
  const timer = setInterval(() => {
    if (!when()) return;
    clearInterval(timer);
    child.kill(signal);
  }, 1);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  clearInterval(timer);
  return { code, err };
}

const names = (out: string) => (existsSync(path(out)) ? readdirSync(path(out)) : []);
const stepsOf = (out: string): number[] =>
  readFileSync(path(out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .flatMap(({ type, step }) => (type === 'step' ? [step] : []));
const weights = (out: string) => readFileSync(path(out, 'last/model.safetensors'));

it.skipIf(!existsSync(built))(
  'a run that is killed while it writes states ends with the bits of one that is not',
  async () => {
    expect((await distillm(begins('whole'))).code).toBe(0);
    const hasStep = (step: number) => names('killed').some((name) => name === `state-${`${step}`.padStart(6, '0')}`);
    const isWriting = (step: number) =>
      names('killed').some((name) => /^state-\d+\..*part$/.test(name)) && hasStep(step);
    expect((await ended(begins('killed'), () => isWriting(2), 'SIGKILL')).code).toBe(null);
    const goesOn = `train --resume --out ${path('killed')}`;
    for (const step of [5, 8]) expect((await ended(goesOn, () => isWriting(step), 'SIGKILL')).code).toBe(null);
    const last = await ended(goesOn);
    expect(last.code, last.err).toBe(0);
    expect(weights('killed').equals(weights('whole'))).toBe(true);
    expect(stepsOf('killed')).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    // Nothing is left of what was being written.
    expect(names('killed').filter((name) => /part|lock/.test(name))).toEqual([]);
  },
  60_000,
);

it.skipIf(!existsSync(built))(
  'a second run in the same folder is refused, whichever way, and the first one ends well',
  async () => {
    const first = ended(begins('one', 400), () => names('one').includes('stop'), 'SIGINT');
    while (!names('one').some((name) => /^state-\d+$/.test(name))) await new Promise((done) => setTimeout(done, 5));
    const resumed = await distillm(`train --resume --out ${path('one')}`);
    expect([resumed.code, resumed.err]).toEqual([
      1,
      expect.stringMatching(/one: another run writes to it \(process \d+ on /),
    ]);
    const anew = await distillm(begins('one'));
    expect([anew.code, anew.err]).toEqual([2, expect.stringContaining('holds a run already')]);
    await writeFile(path('one', 'stop'), '');
    const { code, err } = await first;
    expect(err).not.toContain('distillm: ');
    expect([0, 130]).toContain(code);
  },
  60_000,
);

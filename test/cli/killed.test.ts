/** Runs in processes of their own that are killed on purpose, and two at once. Uses dist/. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
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

const preload = pathToFileURL(resolve('test/long/atFileCall.mjs')).href;
/** Runs a command in a process that is killed at a file call. @returns the signal that ended it */
function killedAt(line: string, at: { folder: string; after?: string; at: number }): NodeJS.Signals | null {
  const env = { ...process.env, DISTILLM_TEST_FAULT: JSON.stringify({ ...at, how: 'kill' }) };
  return spawnSync(process.execPath, ['--import', preload, built, ...line.split(' ')], { env }).signal;
}

/** What is in a folder; nothing where there is none: a run makes its folder as a trial, and removes it again. */
const names = (out: string): string[] => {
  try {
    return readdirSync(path(out));
  } catch {
    return [];
  }
};
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
    const goesOn = `train --resume --out ${path('killed')}`;
    // Another file of the state each time: the first one that is made, one in the middle, the folder's own name.
    for (const [line, step, at] of [
      [begins('killed'), 3, 1],
      [goesOn, 6, 12],
      [goesOn, 9, 30],
    ] as const) {
      const aside = path('killed', `state-${`${step}`.padStart(6, '0')}.`);
      expect(killedAt(line, { folder: aside, at })).toBe('SIGKILL');
      expect(names('killed').filter((name) => /^state-\d+\..*part$/.test(name))).toHaveLength(at === 1 ? 0 : 1);
    }
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
  'a run that is killed between the shares of a state mends last when it goes on',
  async () => {
    const line = begins('between', 6);
    expect((await distillm(begins('alone', 6))).code).toBe(0);
    // best/ comes with the first validation, that of step 3; what is next below last/ shares the same state.
    const fault = { folder: `${path('between', 'last')}/`, after: path('between', 'best'), at: 1 };
    expect(killedAt(line, fault)).toBe('SIGKILL');
    const stateOf = (kind: string) =>
      names('between').find(
        (name) => /^state-\d+$/.test(name) && isSame(`${name}/model.safetensors`, `${kind}/model.safetensors`),
      );
    const isSame = (one: string, other: string) =>
      existsSync(path('between', other)) &&
      readFileSync(path('between', one)).equals(readFileSync(path('between', other)));
    const newest = names('between')
      .filter((name) => /^state-\d+$/.test(name))
      .sort()
      .at(-1);
    expect([newest, stateOf('best'), stateOf('last')]).toEqual(['state-000003', 'state-000003', 'state-000002']);
    const last = await ended(`train --resume --out ${path('between')}`);
    expect(last.code, last.err).toBe(0);
    expect(last.err).toContain(`last was not ${newest}, from which the run goes on: it is now.`);
    expect(weights('between').equals(weights('alone'))).toBe(true);
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

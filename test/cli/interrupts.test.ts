/** Signals, and readers of the output that end first: real processes, from dist/, and the parts by themselves. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Interrupt, onInterrupt } from '../../src/cli/interrupts.js';
import { watchReaders } from '../../src/cli/readers.js';
import { distillm, makeWorkspace } from './workspace.js';

const built = resolve('dist/cli.js');
const canRun = existsSync(built) && process.platform !== 'win32';
let folder: string;
const path = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = await makeWorkspace();
  const made = await distillm(
    `tokenizer --data ${path('train.jsonl')} --template compact --vocab-size 280 --out ${path('tokenizer')}`,
  );
  expect(made).toMatchObject({ code: 0 });
});
/** Groups that a failing test would leave behind. */
const groups: number[] = [];
afterAll(async () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  }
  await rm(folder, { recursive: true });
});

const endless = 1_000_000;
/** A run that writes a line to stderr every third step. */
const training = (out: string, steps: number) =>
  `train --method sft --student-config ${path('config.json')} --tokenizer ${path('tokenizer')} --data ${path('train.jsonl')} ` +
  `--template compact --validation 4 --validate-every 3 --save-every 1000000 --steps ${steps} --batch-size 4 ` +
  `--device wasm --threads 1 --out ${path(out)}`;

const start = (line: string) => {
  const child = spawn(process.execPath, [built, ...line.split(' ')], { stdio: 'pipe', detached: true });
  groups.push(child.pid as number);
  return child;
};
const ended = (child: ReturnType<typeof spawn>) =>
  new Promise<number | NodeJS.Signals | null>((done) => child.on('exit', (code, signal) => done(code ?? signal)));

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((done) => setTimeout(done, 5));
};
const stepsOf = (out: string): number[] =>
  !existsSync(path(out, 'log.jsonl'))
    ? []
    : readFileSync(path(out, 'log.jsonl'), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
        .flatMap(({ type, step }) => (type === 'step' ? [step] : []));
const hasSteps = (out: string, more = 0) => until(() => stepsOf(out).length > more);
const savedStep = (out: string) => {
  const newest = readdirSync(path(out))
    .filter((name) => /^state-\d+$/.test(name))
    .sort()
    .at(-1);
  return Number(newest?.slice('state-'.length));
};

describe.skipIf(!canRun)('a training in a process of its own', () => {
  it('whose readers have ended saves at Ctrl-C', async () => {
    const child = start(training('unread', endless));
    await hasSteps('unread');
    child.stderr.destroy();
    child.stdout.destroy();
    // Lines were written to nobody meanwhile.
    await hasSteps('unread', stepsOf('unread').length + 6);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
    expect(savedStep('unread')).toBe(stepsOf('unread').at(-1));
  }, 60_000);

  it('whose readers have ended goes on to its last step', async () => {
    const child = start(training('alone', 60));
    child.stderr.destroy();
    child.stdout.destroy();
    expect(await ended(child)).toBe(0);
    expect([stepsOf('alone').length, savedStep('alone')]).toEqual([60, 60]);
    expect(existsSync(path('alone', 'last/model.safetensors'))).toBe(true);
  }, 60_000);

  it('in a pipe to tee saves at the Ctrl-C that ends tee', async () => {
    const line = `"${process.execPath}" "${built}" ${training('tee', endless)} 2>&1 | tee ${path('tee.log')}`;
    const group = spawn('sh', ['-c', line], { detached: true, stdio: 'ignore' });
    groups.push(group.pid as number);
    await hasSteps('tee');
    process.kill(-(group.pid as number), 'SIGINT');
    await ended(group);
    // The shell may end before the training.
    await until(() => existsSync(path('tee', 'last')));
    await until(() => readFileSync(path('tee', 'log.jsonl'), 'utf8').includes('"type":"end"'));
    expect(savedStep('tee')).toBe(stepsOf('tee').at(-1));
  }, 60_000);

  it('saves at SIGHUP, though the shell sends a second one, and goes on by --resume', async () => {
    const child = start(training('hangup', endless));
    child.stderr.resume();
    await hasSteps('hangup');
    child.stderr.once('data', () => child.kill('SIGHUP'));
    child.kill('SIGHUP');
    expect(await ended(child)).toBe(129);
    const last = savedStep('hangup');
    expect(last).toBe(stepsOf('hangup').at(-1));
    const resumed = start(`train --resume --out ${path('hangup')}`);
    await hasSteps('hangup', last + 2);
    resumed.kill('SIGTERM');
    expect(await ended(resumed)).toBe(130);
    const steps = stepsOf('hangup');
    expect(steps).toEqual(steps.map((_, i) => i + 1));
  }, 60_000);
});

describe.skipIf(!canRun)('Ctrl-C in seconds of work in which nothing waits', () => {
  it.each([
    ['a validation', '--validation 3600 --batch-size 4 --steps 10'],
    ['the micro-batches of a step', '--validation 0 --batch-size 4 --grad-accumulation-steps 300 --steps 10'],
  ])(
    'is heard during %s, and the second one as well',
    async (name, options) => {
      const records = Array.from({ length: 4000 }, (_, i) => ({
        instruction: `Say ant ${i} times.`,
        output: 'ant '.repeat(9),
      }));
      await writeFile(path('many.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
      const shape = { model_type: 'gpt2', n_positions: 96, n_embd: 128, n_layer: 2, n_head: 2 };
      await writeFile(path('larger.json'), JSON.stringify(shape));
      const child = start(
        `train --method sft --student-config ${path('larger.json')} --tokenizer ${path('tokenizer')} --data ${path('many.jsonl')} ` +
          `--template compact ${options} --device wasm --threads 1 --out ${path(name.replaceAll(' ', '-'))}`,
      );
      let err = '';
      child.stderr.on('data', (data) => {
        err += data;
      });
      await until(() => err.includes('Training'));
      await new Promise((done) => setTimeout(done, 300));
      const pressed = performance.now();
      child.kill('SIGINT');
      await until(() => err.includes('Stopping'));
      const ms = performance.now() - pressed;
      // The work takes some seconds.
      expect(ms).toBeLessThan(1000);
      expect(err).not.toContain('validation after');
      await new Promise((done) => setTimeout(done, 1000));
      child.kill('SIGINT');
      expect(await ended(child)).toBe('SIGINT');
      expect(stepsOf(name.replaceAll(' ', '-'))).toEqual([]);
    },
    60_000,
  );
});

it.skipIf(!canRun)(
  'SIGTERM while the teacher answers is heard, and no model is named that is not there',
  async () => {
    const shape = { model_type: 'gpt2', n_positions: 96, n_embd: 128, n_layer: 2, n_head: 2 };
    await writeFile(path('teacher.json'), JSON.stringify(shape));
    const common = `--data ${path('train.jsonl')} --template compact --device wasm --threads 1 --validation 4`;
    const made = await distillm(
      `train --method sft --student-config ${path('teacher.json')} --tokenizer ${path('tokenizer')} --steps 1 ${common} ` +
        `--rouge-samples 0 --out ${path('teacher')}`,
    );
    expect(made.code, made.err).toBe(0);
    const records = Array.from({ length: 4000 }, (_, i) => ({ instruction: `Say ant ${i} times.`, output: 'ant' }));
    await writeFile(path('prompts.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const child = start(
      `train --method seqkd --teacher ${path('teacher/last')} --student-config ${path('config.json')} --batch-size 8 ` +
        `${common.replace('train.jsonl', 'prompts.jsonl')} --max-new-tokens 60 --out ${path('unanswered')}`,
    );
    const texts = { out: '', err: '' };
    child.stdout.on('data', (data) => {
      texts.out += data;
    });
    child.stderr.on('data', (data) => {
      texts.err += data;
    });
    await until(() => texts.err.includes('the teacher answers: 0 of 3,996 prompts'));
    await new Promise((done) => setTimeout(done, 300));
    const asked = performance.now();
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(130);
    // All answers take a minute.
    expect(performance.now() - asked).toBeLessThan(5000);
    expect(texts.err).not.toContain('validating');
    const printed = JSON.parse(texts.out);
    expect(printed).toMatchObject({ step: 0, reason: 'aborted' });
    expect(printed).not.toHaveProperty('student');
  },
  60_000,
);

it.skipIf(!canRun)('a command whose result nobody reads ends quietly', async () => {
  const child = start('tokenizer --help');
  child.stdout.destroy();
  let err = '';
  child.stderr.on('data', (data) => {
    err += data;
  });
  expect([await ended(child), err]).toEqual([0, '']);
});

describe('signals', () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  const all = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const counts = () => all.map((signal) => process.listenerCount(signal));

  it('are heard once; those of the same press change nothing, and later ones are left to the system', () => {
    vi.useFakeTimers();
    const before = counts();
    const heard: Interrupt[] = [];
    const release = onInterrupt((signal) => heard.push(signal), all);
    for (const signal of ['SIGHUP', 'SIGHUP', 'SIGINT'] as const) process.emit(signal, signal);
    expect(heard).toEqual(['SIGHUP']);
    vi.advanceTimersByTime(499);
    expect(counts()).toEqual(before.map((count) => count + 1));
    vi.advanceTimersByTime(1);
    // A closed terminal stays closed: its signal may come at any time.
    expect(counts()).toEqual(before.map((count, i) => count + (all[i] === 'SIGHUP' ? 1 : 0)));
    release();
    expect(counts()).toEqual(before);
  });

  it('that are not named are not heard', () => {
    const before = counts();
    const release = onInterrupt(() => {}, ['SIGINT']);
    expect(counts()).toEqual(before.map((count, i) => count + (i === 0 ? 1 : 0)));
    release();
    expect(counts()).toEqual(before);
  });
});

describe('streams that fail', () => {
  const failing = (isTTY: boolean) =>
    Object.assign(new Writable({ write: (_chunk, _encoding, done) => done(), autoDestroy: false }), { isTTY });
  const fault = (code: string) => Object.assign(new Error(code), { code });
  const watched = (isTTY = false) => {
    const streams = { stdout: failing(isTTY), stderr: failing(isTTY) };
    const ends: (string | undefined)[] = [];
    const said = vi.spyOn(streams.stderr, 'write');
    return { ...streams, ends, said, outlive: watchReaders(streams, (how) => ends.push(how)) };
  };

  it('stderr: nothing ends', () => {
    const { stderr, ends } = watched();
    for (const code of ['EPIPE', 'EIO', 'ENOSPC']) stderr.emit('error', fault(code));
    expect(ends).toEqual([]);
  });

  it.each([
    ['EPIPE', false],
    ['ECONNRESET', false],
    ['EIO', true],
  ])('stdout with %s, terminal %s: the end, but for a process that outlives its readers', (code, isTTY) => {
    const { stdout, ends, said, outlive } = watched(isTTY);
    stdout.emit('error', fault(code));
    expect(ends).toEqual([undefined]);
    outlive();
    stdout.emit('error', fault(code));
    expect(ends).toEqual([undefined]);
    expect(said).not.toHaveBeenCalled();
  });

  it.each(['ENOSPC', 'EIO'])('stdout in a file with %s: a failure, of every process', (code) => {
    const { stdout, ends, said, outlive } = watched();
    outlive();
    stdout.emit('error', fault(code));
    expect(ends).toEqual(['failed']);
    expect(said).toHaveBeenCalledWith(
      expect.stringMatching(`^distillm: the output cannot be written: .*\\(${code}\\)`),
    );
  });
});

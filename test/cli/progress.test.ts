import { describe, expect, it, vi } from 'vitest';
import { duration } from '../../src/cli/format.js';
import { progressLine, stepLine, trainingProgress, validationLine } from '../../src/cli/progress.js';
import { wrapped } from '../../src/cli/terminal.js';
import type { StepEvent } from '../../src/index.js';
import { testTerminal } from './terminal.js';

const step: StepEvent = {
  type: 'step',
  step: 12,
  totalSteps: 3400,
  epoch: 1,
  source: 'replay',
  loss: 1.5,
  terms: { divergence: 1.5 },
  gradNorm: 1,
  skipped: false,
  lr: 1e-3,
  phi: 0.1,
  bufferSize: 96,
  tokens: 2000,
  lossTokens: 700,
  stepMs: 1000,
  generationMs: 0,
  tokensPerSecond: 2000,
};

describe('stepLine', () => {
  it('shows the step, mean loss and speed of the last steps, phi, buffer and time left', () => {
    const before = { ...step, step: 11, loss: 2.5, stepMs: 3000 };
    const line = stepLine([before, step], { msLeft: 3_725_000, capacity: 1000 });
    for (const part of [
      '12/3,400',
      'training loss 2.0',
      '1,000 tokens/s',
      'phi 0.10',
      'buffer 96/1,000',
      '1h 02m left',
    ]) {
      expect(line).toContain(part);
    }
  });

  it('leaves student outputs out of runs without a replay buffer', () => {
    expect(stepLine([{ ...step, phi: 0, bufferSize: 0 }], { msLeft: 0, capacity: 0 })).not.toMatch(/phi|buffer/);
  });
});

it('keeps the last agreement with the teacher in the line of a step', () => {
  const terminal = testTerminal({ isTTY: true });
  const progress = trainingProgress(progressLine(terminal), 0);
  progress.show({ ...step, step: 1, measures: { agreement: 0.714 } });
  progress.show({ ...step, step: 2 });
  progress.done();
  expect(terminal.err()).toMatch(/step 2\/.*agreement 71%/);
});

it('validationLine says what happened to phi', () => {
  const line = validationLine({
    ...{ type: 'validation', step: 40, epoch: 2, loss: 2.25, rougeL: 31.456, best: true, ms: 4000 },
    ...{ phi: 0.2, raised: true },
  });
  for (const part of ['step 40', 'validation loss 2.25', 'ROUGE-L 31.46', '0.2', 'best']) expect(line).toContain(part);
});

it('wrapped breaks lines between words on a terminal, at its width, and leaves a pipe alone', () => {
  const line = stepLine([{ ...step, totalSteps: 34_000, step: 12_000, tokens: 12_345_000 }], {
    msLeft: 3_725_000,
    capacity: 1000,
  });
  expect(line.length).toBeGreaterThan(80);
  const terminal = (isTTY: boolean, columns: number) =>
    Object.assign(testTerminal({ isTTY }).stderr, { isTTY, columns });
  const lines = wrapped(line, terminal(true, 80)).split('\n');
  expect(lines).toHaveLength(2);
  for (const each of lines) expect(each.length).toBeLessThanOrEqual(80);
  const words = (text: string) => text.split(/\s+/);
  expect(words(lines.join(' '))).toEqual(words(line));
  expect(wrapped(line, terminal(true, 200))).toBe(line);
  expect(wrapped(line, terminal(false, 80))).toBe(line);
  expect(wrapped('a long word\nb', terminal(true, 4))).toBe('a\nlong\nword\nb');
});

it('says one step of one record, and that a finished run is done', () => {
  const begin = (at: number, totalSteps: number) => {
    const terminal = testTerminal();
    const start = { type: 'start', step: at, totalSteps, stepsPerEpoch: 1, trainSamples: totalSteps } as const;
    trainingProgress(progressLine(terminal), 0).show({ ...start, trainedParameters: 2, remarks: [] });
    return terminal.err();
  };
  expect(begin(0, 1)).toBe('Training 2 weights on 1 record: 1 step, 1 an epoch\n');
  expect(begin(1, 3)).toBe('Training 2 weights on 3 records: 3 steps, 1 an epoch; going on after step 1\n');
  expect(begin(3, 3)).toBe('Training 2 weights on 3 records: 3 steps, 1 an epoch; all of them are done already\n');
});

describe('progressLine', () => {
  it('rewrites one line on a terminal and keeps printed ones', () => {
    const terminal = testTerminal({ isTTY: true });
    const line = progressLine(terminal);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    line.update('first');
    clock.mockReturnValue(1200);
    line.update('second');
    line.print('stays');
    line.update('too soon');
    line.done();
    clock.mockRestore();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what is checked is an escape sequence
    expect(terminal.err()).toMatch(/\u001b\[/);
    expect(terminal.err().indexOf('stays')).toBeGreaterThan(terminal.err().indexOf('second'));
    expect(terminal.err()).toContain('too soon');
  });

  it.each([true, false])(
    'shows a step before what is said of it, also where its line came too soon (TTY: %s)',
    (isTTY) => {
      const terminal = testTerminal({ isTTY });
      const line = progressLine(terminal);
      line.update('step 1');
      line.update('step 2');
      line.print('validation after step 2');
      line.update('step 3');
      line.update('step 4');
      line.done();
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what is taken out are escape sequences
      const shown = terminal.err().replace(/\u001b\[[^a-zA-Z]*[a-zA-Z]/g, '');
      expect(shown.match(/validation after step \d$|step \d$/gm)).toEqual([
        'step 1',
        'step 2',
        'validation after step 2',
        'step 4',
      ]);
    },
  );

  it('writes a plain line now and then elsewhere, the last one included', () => {
    const terminal = testTerminal();
    const line = progressLine(terminal);
    for (let i = 1; i <= 50; i++) line.update(`step ${i}`);
    line.done();
    expect(terminal.err()).toBe('step 1\nstep 50\n');
  });
});

it('takes a terminal without a height for a file: nothing would be seen of a line that is rewritten', () => {
  const terminal = testTerminal({ isTTY: true });
  Object.assign(terminal.stderr, { rows: 0 });
  const line = progressLine(terminal);
  line.update('step 1');
  expect([line.isLive, terminal.err()]).toEqual([false, 'step 1\n']);
  expect(progressLine(testTerminal({ isTTY: true })).isLive).toBe(true);
});

it('shows the newest line on a terminal within a moment, also where no other comes', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  try {
    const terminal = testTerminal({ isTTY: true });
    const line = progressLine(terminal);
    line.update('step 3');
    line.update('scoring');
    expect(terminal.err()).not.toContain('scoring');
    vi.advanceTimersByTime(150);
    expect(terminal.err()).toContain('scoring');
  } finally {
    vi.useRealTimers();
  }
});

describe('work that takes long', () => {
  it.each([true, false])('says every ten seconds that it goes on (TTY: %s)', async (isTTY) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'performance'] });
    try {
      const terminal = testTerminal({ isTTY });
      const line = progressLine(terminal);
      let done = 3;
      const work = line.during(
        () => `${done} of 9`,
        () => new Promise<string>((resolve) => setTimeout(() => resolve('made'), 34_000)),
      );
      await vi.advanceTimersByTimeAsync(9000);
      expect(terminal.err()).toBe('');
      await vi.advanceTimersByTimeAsync(2000);
      expect(terminal.err()).toContain('3 of 9, for 10s so far');
      done = 4;
      line.update('an answer');
      await vi.advanceTimersByTimeAsync(10_000);
      // What came too soon is shown when it is due.
      expect(terminal.err()).toContain('an answer');
      await vi.advanceTimersByTimeAsync(10_000);
      // A terminal shows a line at once, and this one ten seconds after it.
      expect(terminal.err()).toContain(`4 of 9, for ${isTTY ? 21 : 30}s so far`);
      await vi.advanceTimersByTimeAsync(5000);
      expect(await work).toBe('made');
      const written = terminal.err();
      await vi.advanceTimersByTimeAsync(60_000);
      expect(terminal.err()).toBe(written);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends with it where it fails', async () => {
    const terminal = testTerminal();
    const line = progressLine(terminal);
    await expect(
      line.during(
        () => 'x',
        () => Promise.reject(new Error('no')),
      ),
    ).rejects.toThrow('no');
  });
});

it('durations show the two largest units', () => {
  expect([0, 8400, 200_000, 3_900_000, 90_000_000].map(duration)).toEqual(['0s', '8s', '3m 20s', '1h 05m', '25h 00m']);
  expect([172_799_000, 277_200_000, 1e18].map(duration)).toEqual(['47h 59m', '3d 05h', '11,574,074,074d 01h']);
});

import { describe, expect, it } from 'vitest';
import { readRunLog } from '../../src/entries/report.js';
import { DataError } from '../../src/index.js';

const time = '2026-11-27T14:34:31.853Z';
const step = (number: number, more: object = {}) => ({
  ...{ time, type: 'step', step: number, totalSteps: 4, epoch: 1, source: 'data', loss: 2, terms: { divergence: 2 } },
  ...{ gradNorm: 1, lossTokens: 32, lr: 5e-4, phi: 0, bufferSize: 0, tokens: 170, stepMs: 40, generationMs: 0 },
  ...more,
});
const start = { time, type: 'start', step: 0, totalSteps: 4, stepsPerEpoch: 5, trainSamples: 20, trainedParameters: 9 };
const validation = { time, type: 'validation', step: 0, loss: 5.7, phi: 0.5, raised: false, best: false, ms: 19 };
const text = (...records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

describe('readRunLog', () => {
  it('takes what charts need, in the order of steps', () => {
    const log = text(
      { time, type: 'options', method: 'kd', data: ['d.jsonl'] },
      { time, type: 'settings', seed: 10 },
      start,
      validation,
      step(2, { loss: 1 }),
      step(1),
      { time, type: 'checkpoint', kind: 'last', step: 2, path: 'x' },
      { time, type: 'end', step: 2 },
    );
    expect(readRunLog(log, 'mine')).toEqual({
      name: 'mine',
      steps: [1, 2].map((number) => ({
        ...{ step: number, source: 'data', loss: 3 - number, gradNorm: 1, lr: 5e-4, phi: 0, tokens: 170, stepMs: 40 },
      })),
      validations: [{ step: 0, loss: 5.7 }],
      ...{ totalSteps: 4, trainedParameters: 9 },
      settings: { method: 'kd', data: ['d.jsonl'], seed: 10 },
    });
  });

  it('takes the later of two that are of one step, and what JSON could not hold as NaN', () => {
    const { steps, validations } = readRunLog(text(step(1, { loss: null }), step(2), step(1, { gradNorm: null })), 'r');
    expect(steps.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual([
      [2, Number.NaN],
      [2, 1],
    ]);
    expect(validations).toEqual([]);
    expect(readRunLog(text(step(1, { loss: null })), 'r').steps[0]!.loss).toBeNaN();
  });

  it('takes what steps measured besides', () => {
    const { steps } = readRunLog(text(step(1, { measures: { agreement: 0.5, t: null } }), step(2)), 'r');
    expect(steps.map(({ measures }) => measures)).toEqual([{ agreement: 0.5, t: Number.NaN }, undefined]);
  });

  it('leaves out a last line that is cut, and says so', () => {
    const whole = text(step(1), step(2));
    expect(readRunLog(whole, 'r')).not.toHaveProperty('cut');
    const { steps, cut } = readRunLog(whole.slice(0, -9), 'r');
    expect([steps.length, cut]).toEqual([1, true]);
  });

  it.each([
    ['', /^runs\/a has no step and no validation, expected the log of a run/],
    ['{"type":"st', /^runs\/a has no step and no validation, only a line that is cut/],
    [text(start), /has no step and no validation, expected/],
    [`${text(step(1))}{"type":"st\n${text(step(2))}`, /^runs\/a, line 2 is not JSON: \{"type":"st\. A log/],
    ['PK\u0003\u0004\n', /^runs\/a, line 1 is not JSON/],
    [text({ instruction: 'Say a.', output: 'a' }), /line 1 is \{"instruction".*expected an event with its type/],
    [text([1], step(1)), /line 1 is \[1\], expected an event/],
    [text(step(1), step(2, { loss: 'low' })), /line 2: loss is low, expected a number, or null/],
    [text(step(1.5)), /line 1: step is 1\.5, expected an integer/],
    [text(step(1, { source: 'dreams' })), /line 1: source is dreams, expected one of data, generate, replay/],
    [text({ ...validation, examples: 3 }), /line 1: examples is 3, expected a list of answers/],
    [text({ ...start, totalSteps: null }), /line 1: totalSteps is null, expected an integer/],
  ])('refuses %j by a DataError', (log, message) => {
    const read = () => readRunLog(log, 'runs/a');
    expect(read).toThrow(DataError);
    expect(read).toThrow(message);
  });
});

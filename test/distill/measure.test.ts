/** The measurement of a step is bounded, whatever a step takes: on a clock of the test's own. */
import { describe, expect, it } from 'vitest';
import type { Sample } from '../../src/data/batch.js';
import { timeOfStep } from '../../src/distill/trainer/measure.js';

const sample = (length: number, promptLength = length >> 1): Sample => ({ ids: new Int32Array(length), promptLength });
const tokensOf = (samples: readonly Sample[]) => samples.reduce((total, { ids }) => total + ids.length, 0);

/** A model whose step takes so many ms, and more for each token. */
function clock(fixed: number, each: number) {
  const steps: (readonly Sample[])[] = [];
  const timed = async (samples: readonly Sample[]) => {
    steps.push(samples);
    return fixed + each * tokensOf(samples);
  };
  const spent = () => steps.reduce((total, samples) => total + fixed + each * tokensOf(samples), 0);
  return { timed, steps, spent };
}
const batch = [sample(500), sample(300, 290), sample(200, 5), sample(1000)];

describe('the time of a step', () => {
  it('is measured on all of the samples where that takes seconds', async () => {
    const { timed, steps } = clock(10, 1);
    expect(await timeOfStep(timed, batch)).toEqual({ ms: 2010, share: 1 });
    expect(steps.at(-1)).toBe(batch);
    const small = clock(1, 1);
    const few = [sample(20), sample(30)];
    expect(await timeOfStep(small.timed, few)).toEqual({ ms: 51, share: 1 });
    expect(small.steps).toEqual([few]);
  });

  it.each([
    ['large', 200, 50],
    ['very large', 2000, 300],
    ['a hopeless', 0, 5000],
    ['a slow start', 9000, 1],
  ])('is reckoned from parts of it: %s model', async (_, fixed, each) => {
    const { timed, steps, spent } = clock(fixed, each);
    const { ms, share } = await timeOfStep(timed, batch);
    const whole = fixed + each * 2000;
    expect(share).toBeLessThan(1);
    // Where there is no time for a second point, the fixed part is taken for one of the tokens.
    expect(ms).toBeGreaterThanOrEqual(0.999 * whole);
    if (steps.length > 1 && new Set(steps.map(tokensOf)).size > 1) expect(ms).toBeLessThan(1.001 * whole);
    expect(spent()).toBeLessThan(Math.max(30_000, 1.01 * (fixed + 16 * each)));
    for (const samples of steps) {
      for (const { ids, promptLength } of samples) {
        expect(promptLength).toBeGreaterThan(0);
        expect(ids.length).toBeGreaterThan(promptLength);
      }
    }
  });

  it('is not reckoned from a first step that took long once', async () => {
    const { timed } = clock(500, 5);
    let isFirst = true;
    const slow = async (samples: readonly Sample[]) => {
      const ms = await timed(samples);
      const late = isFirst ? 13_000 : 0;
      isFirst = false;
      return ms + late;
    };
    const { ms } = await timeOfStep(slow, batch);
    expect(ms).toBeGreaterThan(0.999 * 10_500);
    expect(ms).toBeLessThan(1.001 * 10_500);
  });

  it('of few tokens that takes seconds says little of many: twice as many are tried', async () => {
    const { timed, spent } = clock(6000, 1);
    const { ms } = await timeOfStep(timed, batch);
    expect(ms).toBeLessThan(1.001 * 8000);
    expect(spent()).toBeLessThan(30_000);
  });
});

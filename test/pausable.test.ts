import { expect, it } from 'vitest';
import { type Pausable, runInTurns, runThrough, sorted } from '../src/pausable.js';
import { createRng } from '../src/text/index.js';

it('sorts as Array.sort does, equal ones in their order, and pauses', () => {
  const rng = createRng(5);
  for (const length of [0, 1, 16_384, 16_385, 100_000]) {
    const list = Array.from({ length }, (_, place) => ({ key: rng.int(1000), place }));
    const compare = (one: { key: number }, other: { key: number }) => one.key - other.key;
    let pauses = 0;
    const work = sorted(list, compare);
    let step = work.next();
    for (; !step.done; step = work.next()) pauses++;
    expect(step.value).toEqual(list.toSorted(compare));
    expect(pauses).toBeGreaterThanOrEqual(Math.floor(length / 16_384));
  }
});

function* counting(to: number): Pausable<number> {
  let sum = 0;
  for (let i = 1; i <= to; i++) {
    sum += i;
    yield;
  }
  return sum;
}

it('runs work through, or in turns until it is told to stop', async () => {
  expect(runThrough(counting(100))).toBe(5050);
  expect(await runInTurns(counting(100))).toBe(5050);
  const stop = new AbortController();
  let reached = 0;
  function* endless(): Pausable<void> {
    for (;;) {
      if (++reached === 10) stop.abort(new Error('enough'));
      yield;
    }
  }
  await expect(runInTurns(endless(), stop.signal)).rejects.toThrow('enough');
  expect(reached).toBe(10);
});

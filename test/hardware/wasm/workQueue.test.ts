import { describe, expect, it } from 'vitest';
import { createWorkQueue, type Work } from '../../../src/hardware/wasm/workQueue.js';

/** Keeps the thread busy. */
const spin = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};
const turn = () => new Promise((done) => setImmediate(done));

describe('work in turns', () => {
  it('is done at once while the turn has time left', async () => {
    const queue = createWorkQueue(10_000);
    const done: number[] = [];
    for (let i = 0; i < 100; i++) queue.do(() => done.push(i) > 0);
    queue.inOrder(() => done.push(100));
    expect([done.length, queue.isEmpty]).toEqual([101, true]);
    await queue.done();
  });

  it('waits for the next turns when the turn is full, in its order, and others have turns in between', async () => {
    const queue = createWorkQueue(5);
    const seen: string[] = [];
    const parts: Work = (() => {
      let part = 0;
      return () => {
        spin(3);
        seen.push(`part ${++part}`);
        return part === 5;
      };
    })();
    spin(1);
    queue.do(() => {
      spin(6);
      seen.push('first');
      return true;
    });
    queue.do(parts);
    queue.inOrder(() => seen.push('after the parts'));
    queue.do(() => seen.push('last') > 0);
    // The first one filled the turn.
    expect([seen, queue.isEmpty]).toEqual([['first'], false]);
    let isRunning = true;
    const others = (async () => {
      while (isRunning) {
        await turn();
        if (seen.at(-1) !== 'other') seen.push('other');
      }
    })();
    await queue.done();
    isRunning = false;
    await others;
    const own = seen.filter((each) => each !== 'other');
    expect(own).toEqual(['first', ...[1, 2, 3, 4, 5].map((part) => `part ${part}`), 'after the parts', 'last']);
    expect(seen.filter((each) => each === 'other').length).toBeGreaterThan(2);
  });

  it('tells each who waits when its own work is done, not later', async () => {
    const queue = createWorkQueue(2);
    const done: string[] = [];
    const work = (name: string): Work => {
      let left = 4;
      return () => {
        spin(1);
        if (--left > 0) return false;
        done.push(name);
        return true;
      };
    };
    spin(3);
    queue.do(work('before'));
    queue.do(work('a'));
    const first = queue.done().then(() => [...done]);
    queue.do(work('b'));
    const second = queue.done().then(() => [...done]);
    expect(await first).not.toContain('b');
    expect(await second).toEqual(['before', 'a', 'b']);
  });

  it('that fails is told to whoever waits or comes next, and what is behind it is given up', async () => {
    const queue = createWorkQueue(1);
    const done: string[] = [];
    const fill = () => queue.do(() => spin(2) === undefined);
    fill();
    queue.do(() => {
      throw new Error('a trap');
    });
    queue.do(() => done.push('behind') > 0);
    await expect(queue.done()).rejects.toThrow('a trap');
    await expect(queue.done()).resolves.toBeUndefined();
    // Nobody waits.
    await turn();
    fill();
    queue.do(() => {
      throw new Error('another');
    });
    await turn();
    await turn();
    await expect(queue.done()).rejects.toThrow('another');
    queue.do(() => done.push('later') > 0);
    await queue.done();
    expect(done).toEqual(['later']);
    // At once, to the caller itself.
    await turn();
    expect(() =>
      createWorkQueue(1000).do(() => {
        throw new Error('at once');
      }),
    ).toThrow('at once');
  });

  it('is given up when the queue ends', async () => {
    const queue = createWorkQueue(1);
    let isDone = false;
    queue.do(() => spin(2) === undefined);
    queue.do(() => {
      isDone = true;
      return true;
    });
    const waiting = queue.done();
    queue.end(new Error('disposed'));
    await expect(waiting).rejects.toThrow('disposed');
    await turn();
    expect(isDone).toBe(false);
  });
});

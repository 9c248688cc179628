/** What goes between a page and its worker: data, handles, buffers, listeners, signals, errors. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { DisposedError, LimitError, OptionError } from '../../src/errors.js';
import { transferred } from '../../src/worker/transferred.js';
import { type Connected, connectTo } from './connected.js';

const open: Connected<object>[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});
function connected<Api extends object>(api: Api): Connected<Api> {
  const both = connectTo(api);
  open.push(both);
  return both;
}
const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );

class Counter {
  #count = 0;
  readonly step: number;
  label: string | undefined;
  constructor(step: number) {
    this.step = step;
  }
  add(times = 1): number {
    this.#count += times * this.step;
    return this.#count;
  }
  twin(): Counter {
    return new Counter(this.step);
  }
}

describe('data', () => {
  it('of every kind come back as they are', async () => {
    const { api } = connected({ echo: (value: unknown) => value });
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const value of [
      ...[
        undefined,
        null,
        true,
        0.1,
        -0,
        Number.NaN,
        10n,
        '',
        'a',
        new Date(3),
        /a/g,
        new URL('https://a.example/b?c'),
        [],
        {},
        [1, [undefined]],
      ],
      ...[Float32Array.of(1, 2), new Uint8Array(0), { a: { b: [Int32Array.of(1)] } }, new Set([1, 'a'])],
      new Map<unknown, unknown>([
        ['a', Uint8Array.of(1)],
        [2, { b: new Map() }],
      ]),
      // A name that marks have, and one that an assignment would not make a field.
      { '@distillm': { kind: 'object', id: 0 }, rest: 1 },
      JSON.parse('{"__proto__": 1, "a": 2}'),
    ]) {
      expect(await api.echo(value)).toEqual(value);
    }
    await expect(api.echo(cyclic)).rejects.toThrow(/the first argument\[0\] is .* It holds itself/);
  });

  it('that a call gives are moved, and those that a property holds stay', async () => {
    const whole = Float32Array.of(1, 2, 3);
    const part = whole.slice().subarray(1, 2);
    const held = Int32Array.of(4, 5);
    const { api } = connected({ give: () => ({ whole, part, again: whole }), holder: () => ({ held, call: () => 1 }) });
    expect(await api.give()).toEqual({
      whole: Float32Array.of(1, 2, 3),
      part: Float32Array.of(2),
      again: Float32Array.of(1, 2, 3),
    });
    expect([whole.length, part.length]).toEqual([0, 1]);
    const holder = await api.holder();
    expect(await holder.held).toEqual(held);
    expect(held.length).toBe(2);
  });

  it('that are given are copied, unless they are marked as transferred', async () => {
    const { api } = connected({ sum: (values: Float32Array) => values.reduce((sum, each) => sum + each, 0) });
    const values = Float32Array.of(1, 2);
    expect(await api.sum(values)).toBe(3);
    expect(values.length).toBe(2);
    expect(await api.sum(transferred(values))).toBe(3);
    expect(values.length).toBe(0);
  });

  it('are the only ones that go, with the place in the message', async () => {
    const { api } = connected({ take: (_: unknown, __?: unknown) => {} });
    for (const [given, says] of [
      [[{ a: [() => 1] }], /^take: the first argument\.a\[0\] is a function.*Only listeners do/],
      [[1, { model: Promise.resolve(1) }], /^take: options\.model is a Promise.*Await it first\./],
      [[new Counter(1)], /^take: the first argument is a Counter.*Make it in the worker/],
      [[Symbol('a')], /^take: the first argument is Symbol\(a\)/],
    ] as const) {
      const error = await failure(api.take(...(given as unknown as [unknown, unknown])));
      expect(error).toBeInstanceOf(OptionError);
      expect(error.message).toMatch(says);
    }
    const other = connected({ make: () => new Counter(1) });
    await expect(api.take(await other.api.make())).rejects.toThrow(/handle of another worker/);
  });
});

describe('an object at work', () => {
  it('stays: its methods are called, its properties read and set, and it is given by its handle', async () => {
    const made: Counter[] = [];
    const { api } = connected({
      make: (step: number) => {
        made.push(new Counter(step));
        return { counter: made.at(-1) as Counter, list: [made.at(-1) as Counter] };
      },
      isFirst: ({ counter }: { counter: Counter }) => counter === made[0],
    });
    const { counter, list } = await api.make(2);
    expect([await counter.add(), await counter.add(3), await counter.step]).toEqual([2, 8, 2]);
    expect(await (list[0] as typeof counter).add()).toBe(10);
    expect(await api.isFirst({ counter })).toBe(true);
    expect(await api.isFirst({ counter: await counter.twin() })).toBe(false);
    (counter as unknown as { label: string }).label = 'a';
    expect(await counter.label).toBe('a');
    expect(await made[0]?.label).toBe('a');
  });

  it('has no members but its own, and says so', async () => {
    const { api } = connected({ counter: () => new Counter(1), loadModel: () => 1 });
    const counter = await api.counter();
    const anything = counter as unknown as Record<string, () => Promise<unknown>>;
    for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'gone']) {
      await expect((anything[name] as () => Promise<unknown>)()).rejects.toThrow(OptionError);
    }
    const misspelt = api as unknown as { loadModl(): Promise<unknown> };
    await expect(misspelt.loadModl()).rejects.toThrow("the worker's API has no 'loadModl'. Did you mean loadModel?");
    await expect(Promise.resolve(counter.add as unknown as PromiseLike<unknown>)).rejects.toThrow(
      "'add' is a function. Call it.",
    );
    await expect((counter.step as unknown as () => Promise<unknown>)()).rejects.toThrow("'step' is no function");
  });

  it('is collected once nothing refers to its handle', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    let collected = false;
    const registry = new FinalizationRegistry(() => {
      collected = true;
    });
    const { api } = connected({
      make: () => {
        const counter = new Counter(1);
        registry.register(counter, 0);
        return counter;
      },
    });
    await (await api.make()).add();
    for (let turn = 0; turn < 200 && !collected; turn++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(collected).toBe(true);
  });

  it('is iterated step by step, and `break` ends it at once', async () => {
    const seen: string[] = [];
    async function* numbers() {
      try {
        for (let i = 0; ; i++) {
          seen.push(`made ${i}`);
          yield { i };
        }
      } finally {
        seen.push('ended');
      }
    }
    const { api } = connected({ numbers });
    for await (const { i } of api.numbers()) {
      seen.push(`got ${i}`);
      if (i === 1) break;
    }
    expect(seen).toEqual(['made 0', 'got 0', 'made 1', 'got 1', 'ended']);
    const handle = await api.numbers();
    expect(await handle.next()).toEqual({ done: false, value: { i: 0 } });
    const { api: one } = connected({ once: () => 1, few: () => [1, 2][Symbol.iterator]() });
    const list: unknown[] = [];
    for await (const each of (await one.few()) as unknown as AsyncIterable<number>) list.push(each);
    expect(list).toEqual([1, 2]);
  });
});

describe('listeners and signals', () => {
  it('are told and heard while a call runs', async () => {
    const { api } = connected({
      work: async ({ onProgress, signal }: { onProgress?: (done: { at: number }) => void; signal?: AbortSignal }) => {
        for (let at = 0; ; at++) {
          onProgress?.({ at });
          await new Promise((resolve) => setTimeout(resolve, 1));
          signal?.throwIfAborted();
        }
      },
    });
    const told: number[] = [];
    const stop = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ at }: { at: number }) => {
      told.push(at);
      if (at === 2) stop.abort(reason);
    };
    // The very reason, as in one thread.
    expect(await failure(api.work({ onProgress, signal: stop.signal }))).toBe(reason);
    expect(told.slice(0, 3)).toEqual([0, 1, 2]);
    expect(await failure(api.work({ onProgress: () => {}, signal: stop.signal }))).toBe(reason);
    expect(await failure(api.work({ onProgress: () => {}, signal: AbortSignal.timeout(5) }))).toMatchObject({
      name: 'TimeoutError',
    });
  });
});

describe('errors', () => {
  it('keep class, message, fields and cause', async () => {
    const cause = new RangeError('too far');
    const { api } = connected({
      refuse: () => {
        throw new LimitError('no room', { found: 3, expected: 2, cause });
      },
      fail: () => {
        throw Object.assign(new TypeError('odd'), { code: 'ERR_ODD', own: { list: [1] }, left: () => 1 });
      },
      abort: () => Promise.reject(new DOMException('stopped', 'AbortError')),
      give: () => [new OptionError('given', { option: 'a' })],
    });
    const refused = await failure(api.refuse());
    expect(refused).toBeInstanceOf(LimitError);
    expect(refused).toMatchObject({ name: 'LimitError', code: 'ERR_LIMIT', message: 'no room', found: 3, expected: 2 });
    expect(refused.cause).toBeInstanceOf(RangeError);
    expect(refused.cause).toMatchObject({ message: 'too far' });
    expect(refused.stack).toContain('protocol.test.ts');
    expect(Object.keys(refused)).not.toContain('cause');
    const odd = await failure(api.fail());
    expect(odd).toBeInstanceOf(TypeError);
    expect(odd).toMatchObject({ message: 'odd', code: 'ERR_ODD', own: { list: [1] } });
    expect(await failure(api.abort())).toMatchObject({ name: 'AbortError', message: 'stopped', code: 20 });
    const [given] = (await api.give()) as OptionError[];
    expect(given).toBeInstanceOf(OptionError);
    expect(given).toMatchObject({ message: 'given', option: 'a' });
  });

  it('of a worker that ended refuse what is waited for, and what comes later', async () => {
    const { api, connection } = connected({ never: () => new Promise(() => {}) });
    const waiting = failure(api.never());
    connection.fail(new DisposedError('it ended'));
    expect(await waiting).toMatchObject({ name: 'DisposedError', message: 'it ended' });
    await expect(api.never()).rejects.toThrow(DisposedError);
  });
});

/**
 * Objects in one memory: how many memories there are, that nothing leaks, and that no object disturbs another, whatever
 * becomes of it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DisposedError, LimitError } from '../../src/errors.js';
import { createRng } from '../../src/text/index.js';
import { TextInstance } from '../../src/text/instance.js';
import { createReplayBuffer, restoreReplayBuffer } from '../../src/text/replayBuffer.js';
import { createSampler } from '../../src/text/sampler.js';
import { createTokenizer } from '../../src/text/tokenizer.js';
import { tokenizerTrainer, trainTokenizer } from '../../src/text/trainTokenizer.js';
import type { TextExports } from '../../src/text/wasm.js';
import base from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

const { Memory, Instance } = WebAssembly;
const memories: WebAssembly.Memory[] = [];
const instances: WeakRef<TextExports>[] = [];

beforeAll(() => {
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      instances.push(new WeakRef(this.exports as unknown as TextExports));
    }
  };
});
afterAll(() => {
  WebAssembly.Memory = Memory;
  WebAssembly.Instance = Instance;
});

const bytes = () => memories[0]!.buffer.byteLength;
/** No object has written beyond its blocks. */
const allIntact = () => instances.every((instance) => instance.deref()?.intact() !== 0);
const gc = () => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
};

/** A way to use an object: what it says depends on the seed alone. The object is disposed of by the caller. */
interface Use {
  readonly make: (seed: number) => { dispose(): void };
  readonly steps: ((object: never, seed: number) => unknown)[];
}
const use = <T extends { dispose(): void }>(
  make: (seed: number) => T,
  ...steps: ((object: T, seed: number) => unknown)[]
): Use => ({ make, steps: steps as Use['steps'] });

const wordsOf = (seed: number, count = 60) => {
  const rng = createRng(seed);
  const word = () => String.fromCodePoint(...Array.from({ length: 1 + rng.int(9) }, () => 97 + rng.int(26)));
  return Array.from({ length: count }, word).join(' ');
};
const long = 'understanding'.repeat(300);
const prefixed = { ...base, pre_tokenizer: { ...base.pre_tokenizer, add_prefix_space: true } };

const uses: readonly Use[] = [
  use(
    (seed) => createTokenizer({ tokenizerJson: seed % 2 ? base : prefixed }),
    (tokenizer, seed) => [...tokenizer.encode(wordsOf(seed))],
    (tokenizer) => [...tokenizer.encode(`${long}<|endoftext|>${long}`)],
    (tokenizer) => [...tokenizer.encode(`${long}<|endoftext|> a`, { allowedSpecial: 'none' })],
    (tokenizer, seed) => tokenizer.decode(tokenizer.encode(wordsOf(seed + 1))),
    (tokenizer) => tokenizer.idToToken(300),
    (tokenizer) => tokenizer.save()['tokenizer.json'],
  ),
  use(
    () => createTokenizer({ tokenizerJson: { ...base, normalizer: { type: 'NFKC' } } }),
    (tokenizer, seed) => [...tokenizer.encode(`${wordsOf(seed)} \ufb01ance\u0301`)],
    (tokenizer, seed) => [...tokenizer.encode('\ufdfa'.repeat(seed * 200))],
  ),
  use(
    () => createSampler({ topK: 20, topP: 0.9, repetitionPenalty: 1.3, noRepeatNgramSize: 2, bannedTokens: [3] }),
    ...[500, 77, 500].map((vocab) => (sampler: ReturnType<typeof createSampler>, seed: number) => {
      const states = [0, 1].map((row) => sampler.start({ seed: seed + row, tokens: [1, 2, 3] }));
      const logits = Float32Array.from({ length: 2 * vocab }, (_, i) => Math.sin(i * seed));
      const drawn = Array.from({ length: 40 }, () => [...sampler.sample(logits, states)]);
      for (const state of states) state.dispose();
      return drawn;
    }),
  ),
  use(
    (seed) => createReplayBuffer({ capacity: 9, seed }),
    ...[5, 70_000, 12].map((largest) => (buffer: ReturnType<typeof createReplayBuffer>, seed: number) => {
      for (let i = 0; i < 7; i++) {
        buffer.push({ promptLength: 1, ids: Int32Array.from({ length: 1 + i * 7 }, (_, j) => (j * seed) % largest) });
      }
      return buffer.draw(3);
    }),
    (buffer) => buffer.serialize(),
  ),
  use(
    () => tokenizerTrainer({ vocabSize: 320, specialTokens: { eos: '</s>' } }),
    (trainer, seed) => trainer.add(wordsOf(seed, 200)),
    (trainer, seed) => trainer.add(wordsOf(seed + 1, 200)),
    async (trainer) => {
      const trained = await trainer.train();
      const files = trained.save();
      trained.dispose();
      return files;
    },
  ),
  use(
    (seed) => ({ rng: createRng(seed), dispose: () => {} }),
    ({ rng }) => [rng.uniform(), rng.int(100)],
    ({ rng }) => {
      const values = Int32Array.from({ length: 50 }, (_, i) => i);
      rng.shuffle(values);
      return values;
    },
  ),
];

/** What each use says when its object is the only one. */
async function alone(): Promise<unknown[][]> {
  const all: unknown[][] = [];
  for (const seed of [1, 2, 3]) {
    for (const { make, steps } of uses) {
      const object = make(seed);
      const said: unknown[] = [];
      for (const step of steps) said.push(await step(object as never, seed));
      object.dispose();
      all.push(said);
    }
  }
  return all;
}

/** The same with all objects at once: one step of each in turn. */
async function together(): Promise<unknown[][]> {
  const running = [1, 2, 3].flatMap((seed) =>
    uses.map(({ make, steps }) => ({ object: make(seed), steps, seed, said: [] as unknown[] })),
  );
  for (let step = 0; running.some(({ steps }) => step < steps.length); step++) {
    for (const { object, steps, seed, said } of running) {
      if (step < steps.length) said.push(await steps[step]!(object as never, seed));
      // Others come and go meanwhile.
      createReplayBuffer({ capacity: 50, seed }).dispose();
    }
    expect(allIntact()).toBe(true);
  }
  for (const { object } of running) object.dispose();
  return running.map(({ said }) => said);
}

describe('one memory', () => {
  it('is all that tokenizers, samplers, replay buffers, trainers and generators have', () => {
    const objects = [1, 2, 3, 4, 5, 6].flatMap((seed) => uses.map(({ make }) => make(seed)));
    expect(objects).toHaveLength(36);
    expect(memories).toHaveLength(1);
    for (const object of objects) object.dispose();
    trainTokenizer(['a b'], { vocabSize: 260 }).dispose();
    expect(memories).toHaveLength(1);
    for (const instance of instances) expect(instance.deref()?.memory ?? memories[0]).toBe(memories[0]);
  });

  it('serves many objects at once as if each were alone', async () => {
    const said = await alone();
    expect(new Set(said.map((each) => JSON.stringify(each))).size).toBe(said.length);
    expect(await together()).toEqual(said);
  });

  it('does not grow over thousands of objects that are disposed of', () => {
    const round = (seed: number) => {
      for (const { make } of uses) make(seed).dispose();
      for (const { steps, make } of uses.slice(1, 4)) {
        const object = make(seed);
        steps[0]!(object as never, seed);
        object.dispose();
      }
    };
    for (let seed = 0; seed < 10; seed++) round(seed);
    const before = bytes();
    for (let seed = 0; seed < 400; seed++) round(seed);
    expect(bytes()).toBe(before);
  }, 60_000);

  it('gets back what is never disposed of, once it is garbage', async () => {
    const abandon = (count: number) => {
      for (let seed = 0; seed < count; seed++) for (const { make } of uses) make(seed);
    };
    const collected = async () => {
      for (let turn = 0; turn < 3; turn++) {
        gc();
        await setImmediate();
      }
    };
    abandon(20);
    await collected();
    const before = bytes();
    for (let round = 0; round < 5; round++) {
      abandon(20);
      await collected();
    }
    expect(bytes()).toBe(before);
  }, 60_000);

  it('gets back what was begun and could not be finished', () => {
    const broken = { ...base, model: { ...base.model, merges: [...base.model.merges, ['no', 'such']] } };
    const whole = createReplayBuffer({ capacity: 1000, seed: 1 });
    whole.push({ promptLength: 1, ids: [1, 2, 3] });
    const cut = whole.serialize().slice(0, -1);
    whole.dispose();
    const fail = () => {
      expect(() => createTokenizer({ tokenizerJson: broken })).toThrow(/merges: entry/);
      expect(() => restoreReplayBuffer(cut)).toThrow(/replay buffer: ends at byte/);
      expect(() => trainTokenizer(['a', 1 as never], { vocabSize: 260 })).toThrow(/texts\[1\]/);
    };
    for (let i = 0; i < 10; i++) fail();
    const before = bytes();
    for (let i = 0; i < 100; i++) fail();
    expect(bytes()).toBe(before);
  });

  it('keeps an object whose sequences are disposed of after it from touching others', async () => {
    const sampler = createSampler({ repetitionPenalty: 1.1 });
    const states = [1, 2, 3].map((seed) => sampler.start({ seed, tokens: [1, 2, 3] }));
    sampler.dispose();
    const said = await together();
    for (const state of states) state.dispose();
    expect(await together()).toEqual(said);
  });
});

describe('a limit', () => {
  it('ends the object that meets it with a LimitError, and no other', async () => {
    const said = await alone();
    const [one, other] = [createTokenizer({ tokenizerJson: base }), createTokenizer({ tokenizerJson: base })];
    const ids = [...other.encode(long)];
    const endless = () => one.encode('a'.repeat(2 ** 25 + 1));
    expect(endless).toThrow(LimitError);
    expect(endless).toThrow(DisposedError);
    expect(() => one.encode('a')).toThrow('The tokenizer ran out of memory and was freed. Make a new one.');
    one.dispose();
    expect([...other.encode(long)]).toEqual(ids);
    expect(await together()).toEqual(said);
    other.dispose();
  }, 60_000);

  it('of the engine, inside a call, is a LimitError that leaves all objects as they are', async () => {
    const said = await alone();
    const tokenizer = createTokenizer({ tokenizerJson: { ...base, normalizer: { type: 'NFKC' } } });
    const ids = [...tokenizer.encode('a \ufb01ance\u0301')];
    const tooLong = vi.spyOn(String.prototype, 'normalize').mockImplementation(() => {
      throw new RangeError('Invalid string length');
    });
    expect(() => tokenizer.encode('a \ufb01ance\u0301')).toThrow(LimitError);
    expect(() => tokenizer.encode('a \ufb01ance\u0301')).toThrow(/The NFKC of the text is longer than a string/);
    tooLong.mockRestore();
    expect([...tokenizer.encode('a \ufb01ance\u0301')]).toEqual(ids);
    expect(await together()).toEqual(said);
    tokenizer.dispose();
  });

  it('is told before WebAssembly is asked where the size is known', () => {
    const sampler = createSampler();
    const states = [sampler.start({ seed: 1 })];
    const many = { length: 2 ** 28 } as ArrayLike<number>;
    expect(() => sampler.start({ seed: 1, tokens: many })).toThrow(
      /^1\.0 GiB of ids, logits or text are given at a time/,
    );
    expect(() => sampler.start({ seed: 1, tokens: { length: 2 ** 30 + 1 } })).toThrow(LimitError);
    expect(sampler.sample(Float32Array.of(1, 2, 3), states)).toHaveLength(1);
    sampler.dispose();
  });

  it('names the object, what was asked for and what there is', () => {
    const object = new TextInstance('The sampler');
    expect(() => object.use().allocate(2 ** 31)).toThrow(
      /^The sampler: no room for more than 992\.0 MiB .* all tokenizers, samplers and replay buffers of a thread together 4\.0 GiB/,
    );
    expect(object.disposed).toBe(true);
  });

  it('a system that gives no addresses for the memory is a LimitError that says what to raise', async () => {
    vi.resetModules();
    vi.spyOn(WebAssembly, 'Memory').mockImplementation(() => {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    });
    const { createReplayBuffer: create } = await import('../../src/text/replayBuffer.js');
    const attempt = () => create({ capacity: 1, seed: 1 });
    expect(attempt).toThrow(
      /for tokenizers, samplers and replay buffers: .* 10 GB .*ulimit -v.*--disable-wasm-trap-handler/,
    );
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({ name: 'LimitError', code: 'ERR_LIMIT', cause: expect.any(RangeError) });
    }
    vi.restoreAllMocks();
    // The next attempt may find what the last did not.
    create({ capacity: 1, seed: 1 }).dispose();
  });
});

describe('large blocks', () => {
  const MiB = 2 ** 20;

  it('are as large as they were asked to be, though the allocator sorts them by size only roughly', () => {
    const object = new TextInstance('The object');
    const wasm = object.use();
    const first = wasm.allocate(513 * MiB) >>> 0;
    const after = wasm.allocate(64 * MiB) >>> 0;
    expect(after).toBeGreaterThan(first);
    wasm.release(first);
    const second = wasm.allocate(540 * MiB) >>> 0;
    expect(second + 540 * MiB <= after || after + 64 * MiB <= second).toBe(true);
    expect(wasm.intact()).toBe(1);
    object.dispose();
  });

  it('beyond 2 GiB the addresses that WebAssembly gives are negative: objects work there too', async () => {
    const said = await alone();
    const blocks = new TextInstance('The object');
    for (let size = 400 * MiB; size >= 16; size = Math.floor(size / 2)) while (blocks.use().allocate(size) >= 0);
    expect(blocks.use().allocate(16)).toBeLessThan(0);
    expect(await together()).toEqual(said);
    expect(blocks.use().intact()).toBe(1);
    blocks.dispose();
    expect(() => blocks.use()).toThrow(DisposedError);
  });

  it('of which there are too many are refused, and what was there goes on', async () => {
    const said = await alone();
    const greedy = new TextInstance('The object');
    expect(() => {
      for (;;) greedy.use().allocate(900 * MiB);
    }).toThrow(LimitError);
    expect(greedy.disposed).toBe(true);
    expect(await together()).toEqual(said);
  });
});

describe('the rules of assembly/text/', () => {
  const sources = (readdirSync('assembly/text', { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts') && name !== 'memory.ts')
    .map((name) => {
      const code = readFileSync(`assembly/text/${name}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      return [name, code] as const;
    });

  it.each(sources)(
    '%s allocates by memory.ts alone, for another allocator would give blocks of other objects',
    (_, code) => {
      expect(code).not.toMatch(/\bheap\.|\bnew [A-Z]|\bmemory\.grow\b|__alloc|StaticArray/);
    },
  );

  it.each(sources)('%s has no state in static memory, which all objects share', (name, code) => {
    const scratch = { 'merges.ts': 2, 'sampler.ts': 1 };
    const unfilled = code.match(/memory\.data\([^[]/g) ?? [];
    expect(unfilled).toHaveLength((scratch as Record<string, number>)[name] ?? 0);
  });
});

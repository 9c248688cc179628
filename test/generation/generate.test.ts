import { beforeAll, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { LimitError, OptionError, TrainingError } from '../../src/errors.js';
import { type GenerateOptions, generate, generateBatches, streamTokens } from '../../src/generation/index.js';
import { type LanguageModel, loadModel } from '../../src/models/index.js';
import { headLogits, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { leftPadded, openOracle } from '../models/oracle.js';

const { oracle, path } = openOracle('gpt2');
const oraclePrompts = oracle.generation.prompts.map((ids) => Int32Array.from(ids));
const { maxNewTokens, eos: eosTokenId, greedy, noRepeatNgram } = oracle.generation;
const lists = (answers: readonly Int32Array[]) => answers.map((answer) => [...answer]);

forEachBackend((backend) => {
  let device: Device;
  const load = (): Promise<LanguageModel> => loadModel(path('model'), { device });
  beforeAll(() => {
    device = backend();
  });

  it("gives transformers' ids with no_repeat_ngram_size", async () => {
    using model = await load();
    const options = { maxNewTokens, eosTokenId, temperature: 0, noRepeatNgramSize: noRepeatNgram.size };
    expect(lists(await generate(model, oraclePrompts, options))).toEqual(noRepeatNgram.ids);
  });

  it('equals decoding without a cache', async () => {
    using model = await load();
    const ids = [...oraclePrompts[0]!];
    const [answer] = await generate(model, [oraclePrompts[0]!], { maxNewTokens: 12, temperature: 0 });
    for (const expected of answer!) {
      const logits = tidy(() => headLogits(model.forward(leftPadded([Int32Array.from(ids)])), model.head));
      const last = (await logits.read()).slice(-97) as Float32Array;
      logits.dispose();
      expect(last.indexOf(Math.max(...last))).toBe(expected);
      ids.push(expected);
    }
  });

  it('ends a sequence at whichever of several ids comes first', async () => {
    using model = await load();
    const whole = lists(await generate(model, oraclePrompts, { maxNewTokens, temperature: 0 }));
    // One that some answers have in their middle, and the EOS.
    const other = whole[0]![Math.floor(whole[0]!.length / 2)]!;
    const ends = [eosTokenId, other];
    const expected = whole.map((ids) => {
      const end = ids.findIndex((id) => ends.includes(id));
      return end < 0 ? ids : ids.slice(0, end + 1);
    });
    expect(expected).not.toEqual(whole);
    expect(lists(await generate(model, oraclePrompts, { maxNewTokens, temperature: 0, eosTokenId: ends }))).toEqual(
      expected,
    );
    expect(lists(await generate(model, oraclePrompts, { maxNewTokens, temperature: 0, eosTokenId: [] }))).toEqual(
      whole,
    );
  });

  it('draws for a prompt by its seed, whatever is beside it', async () => {
    using model = await load();
    const options: GenerateOptions = { maxNewTokens: 8, eosTokenId, temperature: 1, topK: 20, topP: 0.95 };
    const seeds = [7, 8, 9, 10];
    const together = lists(await generate(model, oraclePrompts, { ...options, seeds }));
    for (const row of [0, 3]) {
      const alone = await generate(model, [oraclePrompts[row]!], { ...options, seeds: [seeds[row]!] });
      expect(lists(alone)).toEqual([together[row]]);
    }
    const prompt = oraclePrompts[1]!;
    const same = lists(await generate(model, [prompt, prompt, prompt], { ...options, seeds: [8, 8, 9] }));
    expect(same[0]).toEqual(together[1]);
    expect(same[1]).toEqual(same[0]);
    expect(same[2]).not.toEqual(same[0]);
  });

  it('reads back once a token for all prompts: the ids alone, 4 bytes a prompt that runs, where no rule needs the history', async () => {
    using model = await load();
    const read = vi.spyOn(device, 'read');
    const bytes = async (options: Partial<GenerateOptions>) => {
      read.mockClear();
      await generate(model, oraclePrompts.slice(0, 3), { maxNewTokens: 4, ...options });
      return read.mock.calls.map(([storage]) => storage.byteLength);
    };
    const [ids, logits] = [new Array(4).fill(4 * 3), new Array(4).fill(4 * 3 * model.vocabSize)];
    expect(await bytes({ temperature: 0 })).toEqual(ids);
    expect(await bytes({ temperature: 0.7, topK: 20, topP: 0.9 })).toEqual(ids);
    // Rules that need the history are the host's.
    expect(await bytes({ repetitionPenalty: 1.2 })).toEqual(logits);
    expect(await bytes({ noRepeatNgramSize: 3 })).toEqual(logits);
    expect(await bytes({ bannedTokens: [3] })).toEqual(logits);
    read.mockRestore();
  });

  it("never draws an id beyond the tokenizer's, on the device or on the host", async () => {
    using model = await load();
    const prompts = Array.from({ length: 8 }, (_, i) => oraclePrompts[i % oraclePrompts.length]!.map((id) => id % 30));
    const ways = [
      { temperature: 0 },
      { temperature: 3 },
      { temperature: 3, topK: 90 },
      { temperature: 3, repetitionPenalty: 1.1 },
    ];
    for (const way of ways) {
      const drawn = async (vocabSize?: number) =>
        (await generate(model, prompts, { maxNewTokens: 12, ...way, vocabSize })).flatMap((ids) => [...ids]);
      expect(Math.max(...(await drawn()))).toBeGreaterThanOrEqual(31);
      const padded = await drawn(31);
      expect(Math.max(...padded)).toBeLessThan(31);
      expect(new Set(padded).size).toBeGreaterThan(1);
      expect(await drawn(model.vocabSize)).toEqual(await drawn());
    }
    for (const vocabSize of [0, 1.5, model.vocabSize + 1]) {
      const refused = generate(model, prompts, { maxNewTokens: 1, vocabSize });
      await expect(refused).rejects.toThrow(`vocabSize is ${vocabSize}, expected an integer`);
    }
  });

  it('gives the same answers in batches, which come as they are done', async () => {
    using model = await load();
    const options = { maxNewTokens: 5, eosTokenId };
    const together = lists(await generate(model, oraclePrompts, options));
    expect(lists(await generate(model, oraclePrompts, { ...options, batchSize: 3 }))).toEqual(together);
    const sizes: number[] = [];
    for await (const batch of generateBatches(model, oraclePrompts, { ...options, batchSize: 3 })) {
      sizes.push(batch.length);
    }
    expect(sizes).toEqual([3, 1]);
    const bad = [...oraclePrompts, Int32Array.of()];
    await expect(generate(model, bad, { ...options, batchSize: 1 })).rejects.toThrow(/prompt 4 is empty/);
  });

  it('streams the ids of one prompt, and frees everything when the loop is left', async () => {
    using model = await load();
    const before = device.memory().liveStorages;
    const seen: number[] = [];
    for await (const id of streamTokens(model, oraclePrompts[0]!, { maxNewTokens, eosTokenId, temperature: 0 })) {
      seen.push(id);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(greedy[0]!.slice(0, 3));
    expect(device.memory().liveStorages).toBe(before);
  });

  it('needs no more memory for more tokens than the cache', async () => {
    using model = await load();
    const before = device.memory();
    const live: number[] = [];
    for await (const _ of streamTokens(model, oraclePrompts[0]!, { maxNewTokens: 6 }))
      live.push(device.memory().liveBytes);
    expect(new Set(live).size).toBe(1);
    expect(device.memory().liveBytes).toBe(before.liveBytes);
  });

  it('stops at an abort and frees its memory', async () => {
    using model = await load();
    const before = device.memory().liveStorages;
    const stop = new AbortController();
    const seen: number[] = [];
    const run = async () => {
      for await (const id of streamTokens(model, oraclePrompts[0]!, { maxNewTokens, signal: stop.signal })) {
        seen.push(id);
        if (seen.length === 2) stop.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toHaveLength(2);
    expect(device.memory().liveStorages).toBe(before);
  });

  it('fills the positions to the last, and refuses what goes beyond', async () => {
    using model = await load();
    const prompt = Int32Array.from({ length: 61 }, (_, i) => i);
    const [answer] = await generate(model, [prompt], { maxNewTokens: 3, temperature: 0 });
    expect(answer).toHaveLength(3);
    const failure = await generate(model, [oraclePrompts[0]!, prompt], { maxNewTokens: 4 }).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(LimitError);
    expect((failure as Error).message).toMatch(
      /prompt 1 has 61 tokens and leaves 3 for the answer, with maxNewTokens 4; the model has 64 positions/,
    );
  });

  it('stops with the row when a model gives NaN, and frees its memory', async () => {
    using model = await load();
    const before = device.memory().liveStorages;
    const norm = model.parameters.get('transformer.ln_f.bias')!;
    norm.set(new Float32Array(norm.size).fill(Number.NaN));
    for (const temperature of [0, 1]) {
      const failure = await generate(model, oraclePrompts, { maxNewTokens, temperature }).catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(TrainingError);
      expect((failure as Error).message).toMatch(/row 0 of the logits has NaN/);
    }
    expect(device.memory().liveStorages).toBe(before);
  });

  it('means the same by the least temperature as by 0, and refuses what f32 does not hold everywhere', async () => {
    using model = await load();
    const at = (temperature: number, more = {}) =>
      generate(model, oraclePrompts, { maxNewTokens, eosTokenId, temperature, ...more });
    expect(lists(await at(2 ** -126))).toEqual(greedy);
    const history = { noRepeatNgramSize: noRepeatNgram.size };
    expect(lists(await at(2 ** -126, history))).toEqual(noRepeatNgram.ids);
    // A GPU reads the first two as 0, which is greedy, and WASM does not; nobody reads the last as a number.
    for (const temperature of [2 ** -127, 1e-45, 1e-300, 1e39]) {
      await expect(at(temperature)).rejects.toThrow(
        /temperature is .*, expected 0 or a number as f32 holds it \(1.2e-38 to 3.4e38\)/,
      );
    }
  });

  it('answers no prompts with nothing, and refuses bad ones', async () => {
    using model = await load();
    expect(await generate(model, [], { maxNewTokens })).toEqual([]);
    const refused: [Int32Array[], Partial<GenerateOptions>, RegExp][] = [
      [[Int32Array.of(1), Int32Array.of()], {}, /prompt 1 is empty/],
      [[Int32Array.of(1, 97)], {}, /prompt 0 has the id 97, the model's vocabulary has 97/],
      [[Int32Array.of(-1)], {}, /the id -1/],
      [[Int32Array.of(1)], { maxNewTokens: 0 }, /maxNewTokens is 0/],
      [[Int32Array.of(1)], { batchSize: 0 }, /batchSize is 0/],
      [[Int32Array.of(1)], { seeds: [] }, /0 seeds for 1 prompt,/],
      [[Int32Array.of(1)], { seeds: [-1] }, /seeds\[0\] is -1/],
      [[Int32Array.of(1)], { topP: 0 }, /topP is 0/],
      [
        [Int32Array.of(1)],
        { eosTokenId: 97 },
        /eosTokenId is 97, expected an id of the model's vocabulary, from 0 to 96/,
      ],
      [[Int32Array.of(1)], { eosTokenId: [0, 97] }, /eosTokenId is 97, expected an id of the model's vocabulary/],
      [
        [Int32Array.of(1)],
        { bannedTokens: [96, 97] },
        /bannedTokens is 97, expected an id of the model's vocabulary, from 0 to 96/,
      ],
      [[Int32Array.of(1)], { eosTokenId: [0.5] }, /eosTokenId is \[0.5\], expected an id, or a list of ids/],
      [[Int32Array.of(1)], { eosTokenId: -1 }, /eosTokenId is -1/],
    ];
    for (const [prompts, options, message] of refused) {
      const failure = await generate(model, prompts, { maxNewTokens, ...options }).catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(OptionError);
      expect((failure as Error).message).toMatch(message);
    }
  });
});

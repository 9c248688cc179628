import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { encodePrompt } from '../../src/data/encodePrompt.js';
import type { PromptFields, TemplateChoice } from '../../src/data/index.js';
import { fineTune } from '../../src/distill/trainer/index.js';
import { CompatibilityError, LimitError, OptionError } from '../../src/errors.js';
import { AnswerText } from '../../src/generation/answerText.js';
import {
  type GenerateTextOptions,
  generate,
  generateText,
  streamText,
  type TextPiece,
  type TextPrompt,
} from '../../src/generation/index.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { createModel, type LanguageModel, loadModel, saveModel } from '../../src/models/index.js';
import { createTokenizer, type Tokenizer, tokenizerFromFiles, trainTokenizer } from '../../src/text/index.js';
import { succession, tinyTokenizer } from '../distill/fixtures.js';

let device: Device;
let model: LanguageModel;
let tokenizer: Tokenizer;
const sampling = { template: 'compact', seeds: [5, 6, 7], maxNewTokens: 12 };
const prompts = ['cat', { instruction: 'dog', input: 'bone' }, 'a bird in the hand'] as const;

beforeAll(async () => {
  device = await openWasm({ threads: 1 });
  tokenizer = trainTokenizer(['Instruction: the cat Input: sat Response:'], {
    vocabSize: 262,
    specialTokens: { eos: '<eos>', additional: ['<end>'] },
  });
  const config = { model_type: 'gpt2', vocab_size: 280, n_positions: 96, n_embd: 8, n_layer: 1, n_head: 2 };
  model = await createModel({ ...config, initializer_range: 0.5 }, { device, trainable: false, seed: 4 });
});
afterAll(() => device.dispose());

const collect = async (...call: Parameters<typeof streamText>): Promise<TextPiece[]> => {
  const pieces: TextPiece[] = [];
  for await (const piece of streamText(...call)) pieces.push(piece);
  return pieces;
};
const withEnds = (...eosTokenIds: number[]): Tokenizer =>
  new Proxy(tokenizer, {
    get: (target, name) => {
      if (name === 'eosTokenIds') return eosTokenIds;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

describe('generateText', () => {
  it('is encodePrompt, generate and decode in one call', async () => {
    const fields = (prompt: (typeof prompts)[number]): PromptFields =>
      typeof prompt === 'string' ? { instruction: prompt } : prompt;
    const ids = prompts.map((prompt) => encodePrompt(fields(prompt), { tokenizer, template: 'compact' }));
    const { seeds, maxNewTokens } = sampling;
    const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
    const expected = await generate(model, ids, { seeds, maxNewTokens, eosTokenId, vocabSize });
    const answers = await generateText(model, prompts, { tokenizer, ...sampling });
    expect(answers).toEqual(
      expected.map((answer, i) => ({
        text: tokenizer.decode(answer, { skipSpecialTokens: true }),
        finishReason: answer.at(-1) === tokenizer.eosTokenId ? 'eos' : 'length',
        promptLength: ids[i]!.length,
        ids: answer,
      })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
    // Ids are prompts as they are.
    expect(await generateText(model, ids, { tokenizer, ...sampling })).toEqual(answers);
    expect(await generateText(model, [], { tokenizer })).toEqual([]);
  });

  it('gives the same answers in batches, and streams them', async () => {
    const answers = await generateText(model, prompts, { tokenizer, ...sampling });
    expect(await generateText(model, prompts, { tokenizer, ...sampling, batchSize: 2 })).toEqual(answers);
    for (const batchSize of [1, 2, 3]) {
      const pieces = await collect(model, prompts, { tokenizer, ...sampling, batchSize });
      for (const [prompt, { text, ids, finishReason }] of answers.entries()) {
        const own = pieces.filter((piece) => piece.prompt === prompt);
        expect(own.map((piece) => piece.text).join('')).toBe(text);
        expect(own.flatMap((piece) => [...piece.ids])).toEqual([...ids]);
        expect(own.map((piece) => piece.finishReason)).toEqual([...own.slice(1).map(() => undefined), finishReason]);
        for (const piece of own.slice(0, -1)) expect(piece.text).not.toBe('');
      }
      // Those of one batch take turns; the next batch begins when all of them ended.
      const order = pieces.map(({ prompt }) => Math.floor(prompt / batchSize));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
  });

  it('ends an answer at each of the EOS ids, whose text is no part of it, special or not', async () => {
    const [whole] = await generateText(model, ['cat'], { tokenizer, ...sampling, seeds: [5] });
    const place = whole!.ids.findIndex((id, i) => i > 1 && !whole!.ids.subarray(0, i).includes(id));
    const end = whole!.ids[place]!;
    expect(tokenizer.specialTokenIds.has(end)).toBe(false);
    const [ended] = await generateText(model, ['cat'], { tokenizer: withEnds(1, end), ...sampling, seeds: [5] });
    expect(ended).toMatchObject({ finishReason: 'eos', ids: whole!.ids.slice(0, place + 1) });
    expect(ended!.text).toBe(tokenizer.decode(whole!.ids.subarray(0, place)));
  });

  it('ends an answer before a stop string, and computes no more of it', async () => {
    const whole = await generateText(model, prompts, { tokenizer: withEnds(), ...sampling });
    // Two characters of the second answer alone.
    const pairs = [...whole[1]!.text].slice(2).map((_, i, all) => all.slice(i, i + 2).join(''));
    const stop = pairs.find((pair) => !whole[0]!.text.includes(pair) && !whole[2]!.text.includes(pair)) as string;
    expect([...stop]).toHaveLength(2);
    const options = { tokenizer: withEnds(), ...sampling, stop: ['never seen', stop] };
    const read = vi.spyOn(device, 'read');
    const stopped = await generateText(model, prompts, options);
    const running = read.mock.calls.map(([storage]) => storage.byteLength / 4);
    read.mockRestore();
    expect(running).toHaveLength(sampling.maxNewTokens);
    for (const [i, { text, finishReason, ids }] of stopped.entries()) {
      const end = whole[i]!.text.indexOf(stop);
      expect({ text, finishReason }).toEqual(
        end < 0
          ? { text: whole[i]!.text, finishReason: 'length' }
          : { text: whole[i]!.text.slice(0, end), finishReason: 'stop' },
      );
      expect([...ids]).toEqual([...whole[i]!.ids.subarray(0, ids.length)]);
    }
    // Each step reads an id of each sequence that runs.
    expect(running[0]).toBe(3);
    expect(running.at(-1)).toBe(stopped.filter(({ finishReason }) => finishReason === 'length').length);
    expect(stopped[1]!.finishReason).toBe('stop');
    expect(stopped[1]!.ids.length).toBeLessThan(sampling.maxNewTokens);
    const pieces = await collect(model, prompts, options);
    expect(
      stopped.map((_, i) =>
        pieces
          .filter(({ prompt }) => prompt === i)
          .map(({ text }) => text)
          .join(''),
      ),
    ).toEqual(stopped.map(({ text }) => text));
  });

  it('draws no id beyond the tokenizer, whose model has more rows', async () => {
    const [answer] = await generateText(model, ['cat'], { tokenizer, ...sampling, seeds: [1], temperature: 5 });
    expect(Math.max(...answer!.ids)).toBeLessThan(tokenizer.vocabSize);
    expect(tokenizer.vocabSize).toBeLessThan(model.vocabSize);
  });

  it('takes as long an answer as there is room for, 256 tokens at most', async () => {
    const ends = { tokenizer: withEnds(), template: 'compact' };
    const [short, long] = await generateText(model, ['cat', 'a bird in the hand'], ends);
    expect(short!.ids).toHaveLength(model.room(long!.promptLength));
    expect(long!.ids).toHaveLength(short!.ids.length);
    const many = await createModel(
      { model_type: 'gpt2', vocab_size: 280, n_positions: 400, n_embd: 4, n_layer: 1, n_head: 1 },
      { device, trainable: false },
    );
    expect((await generateText(many, ['cat'], ends))[0]!.ids).toHaveLength(256);
    many.dispose();
  });
});

describe('the template', () => {
  const config = { model_type: 'gpt2', vocab_size: 12, n_positions: 96, n_embd: 8, n_layer: 1, n_head: 2 };

  it("is the tokenizer's chat template where nothing says another, as on the command line", async () => {
    const chats = tokenizerFromFiles({
      ...tokenizer.save(),
      'chat_template.jinja': '{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}:',
    });
    const lengthOf = async (prompt: TextPrompt, template?: TemplateChoice) => {
      const [answer] = await generateText(model, [prompt], { tokenizer: chats, maxNewTokens: 1, template });
      return answer!.promptLength;
    };
    const asked = chats.encode('ucat:').length;
    const ids = encodePrompt({ instruction: 'cat' }, { tokenizer: chats });
    expect(chats.decode(ids)).toBe('ucat:');
    expect([...encodePrompt({ instruction: 'cat' }, { tokenizer: chats, template: 'chat' })]).toEqual([...ids]);
    expect([await lengthOf('cat'), await lengthOf('cat', 'chat')]).toEqual([asked, asked]);
    expect(await lengthOf({ messages: [{ role: 'user', content: 'cat' }] })).toBe(asked);
    const compact = encodePrompt({ instruction: 'cat' }, { tokenizer: chats, template: 'compact' }).length;
    expect(await lengthOf('cat', 'compact')).toBe(compact);
    model.promptTemplate = 'compact';
    expect(await lengthOf('cat')).toBe(compact);
    model.promptTemplate = 'chat';
    expect(await lengthOf('cat')).toBe(asked);
    await expect(generateText(model, ['cat'], { tokenizer, maxNewTokens: 1 })).rejects.toThrow(
      'the tokenizer has no chat template',
    );
    model.promptTemplate = undefined;
    chats.dispose();
  });

  it('is the one that the model was trained with: its folder says it, and training says it anew', async () => {
    const lettered = tinyTokenizer();
    const store = memoryStore(lettered.save());
    const fresh = await createModel(config, { device });
    expect(fresh.promptTemplate).toBeUndefined();
    for await (const _ of fineTune({
      ...{ model: fresh, tokenizer: lettered, steps: 1, batchSize: 2 },
      data: { train: succession(3), template: 'compact' },
    }));
    expect(fresh.promptTemplate).toBe('compact');
    await saveModel(fresh, store);
    using saved = await loadModel(store, { device });
    expect(saved.promptTemplate).toBe('compact');
    const lengthOf = async (model: LanguageModel, template?: string) => {
      const [answer] = await generateText(model, ['cab'], { tokenizer: lettered, maxNewTokens: 1, template });
      return answer!.promptLength;
    };
    const compact = encodePrompt({ instruction: 'cab' }, { tokenizer: lettered, template: 'compact' }).length;
    const alpaca = encodePrompt({ instruction: 'cab' }, { tokenizer: lettered, template: 'alpaca' }).length;
    expect(compact).not.toBe(alpaca);
    expect(await lengthOf(saved)).toBe(compact);
    expect(await lengthOf(saved, 'alpaca')).toBe(alpaca);
    saved.promptTemplate = undefined;
    expect(await lengthOf(saved)).toBe(alpaca);
    saved.promptTemplate = 'mine';
    await expect(lengthOf(saved)).rejects.toThrow(
      /template is mine, expected alpaca or compact or t5.*\{ name, render \}/,
    );
    const ids = encodePrompt({ instruction: 'cab' }, { tokenizer: lettered });
    expect(await generateText(saved, [ids], { tokenizer: lettered, maxNewTokens: 1 })).toHaveLength(1);
    // What is named for one saving counts more.
    await saveModel(fresh, store, { files: { 'distillm.json': '{"promptTemplate": "other"}' } });
    using other = await loadModel(store, { device });
    expect(other.promptTemplate).toBe('other');
    fresh.dispose();
  });
});

describe('what ends a stream early', () => {
  it('a signal: the stream throws its reason, and the memory is freed', async () => {
    const before = device.memory().liveStorages;
    const stop = new AbortController();
    const pieces: TextPiece[] = [];
    const reading = async () => {
      for await (const piece of streamText(model, prompts, { tokenizer, ...sampling, signal: stop.signal })) {
        pieces.push(piece);
        if (pieces.length === 4) stop.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(pieces.length).toBeLessThan(10);
    expect(device.memory().liveStorages).toBe(before);
    await expect(generateText(model, prompts, { tokenizer, ...sampling, signal: stop.signal })).rejects.toThrow(
      'enough',
    );
  });

  it('break frees the memory', async () => {
    const before = device.memory().liveStorages;
    for await (const _ of streamText(model, prompts, { tokenizer, ...sampling })) break;
    expect(device.memory().liveStorages).toBe(before);
  });
});

describe('what cannot be answered', () => {
  const ask = (prompts: unknown, options: Partial<GenerateTextOptions> = {}) =>
    generateText(model, prompts as never, { tokenizer, ...sampling, seeds: undefined as never, ...options });

  it.each<[string, unknown, Partial<GenerateTextOptions>, typeof OptionError | typeof LimitError, string | RegExp]>([
    ['one text', 'cat', {}, OptionError, 'prompts is cat, expected a list of prompts, each a text'],
    ['an empty text', ['cat', ''], {}, OptionError, /prompts\[1\] is .*expected some text/],
    ['a number', ['cat', 3], {}, OptionError, 'prompts[1] is 3, expected a text, an object { instruction, input }'],
    ['a hole', new Array(1), {}, OptionError, 'prompts[0] is undefined'],
    ['another field', [{ instruction: 'a', context: 'b' }], {}, OptionError, 'prompts[0]: there is no option context'],
    ['no ids', [Int32Array.of()], {}, OptionError, 'prompt 0 is empty'],
    ['a long text', ['cat', 'x '.repeat(99)], {}, LimitError, /prompt 1 has \d+ tokens/],
    ['too few seeds', ['cat', 'dog'], { seeds: [1] }, OptionError, '1 seed for 2 prompts'],
    ['an empty stop string', ['cat'], { stop: [''] }, OptionError, /stop\[0\] is .*expected some text/],
    ['an unknown template', ['cat'], { template: 'alpacca' }, OptionError, 'Did you mean alpaca?'],
  ])('%s is refused', async (_, prompts, options, kind, message) => {
    const error = await ask(prompts, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
  });

  it("a tokenizer that is not the model's is refused", async () => {
    await expect(ask(['a'], { tokenizer: tinyTokenizer() })).rejects.toBeInstanceOf(CompatibilityError);
  });
});

describe('an answer while its ids come', () => {
  /** One token a byte: a character of other alphabets has several. */
  const bytewise = trainTokenizer([''], { vocabSize: 257, specialTokens: { eos: '<eos>' } });
  const answerOf = (text: string, stop: readonly string[], tokens = bytewise) => {
    const ids = tokens.encode(text);
    const how = { ends: new Set([tokens.eosTokenId as number]), stop, maxNewTokens: ids.length + 1 };
    const answer = new AnswerText(tokens, how);
    const pieces: string[] = [];
    for (const id of [...ids, tokens.eosTokenId as number]) {
      if (answer.finishReason === undefined) pieces.push(answer.push(id));
    }
    expect(pieces.join('')).toBe(answer.text);
    return { pieces: pieces.filter((piece) => piece !== ''), reason: answer.finishReason };
  };

  it('never has half a character', () => {
    const text = 'a\u00e9\u20ac\u{1f600}\u{1f468}\u200d\u{1f469}z';
    const { pieces, reason } = answerOf(text, []);
    expect(pieces).toEqual([...text]);
    expect(reason).toBe('eos');
    for (const piece of pieces) expect(piece).not.toContain('\ufffd');
  });

  it('has what a character lacks at the end as U+FFFD, once it is the end', () => {
    const ids = bytewise.encode('\u20ac').subarray(0, 2);
    const answer = new AnswerText(bytewise, { ends: new Set(), stop: [], maxNewTokens: 2 });
    expect([...ids].map((id) => answer.push(id))).toEqual(['', '\ufffd']);
    expect(answer.finishReason).toBe('length');
  });

  it.each([
    ['ab###cd', ['###'], ['a', 'b'], 'stop'],
    // What only looked like one is told as soon as that is known.
    ['a##b', ['###'], ['a', '##b'], 'eos'],
    ['a####b', ['###'], ['a'], 'stop'],
    ['aabab', ['abab'], ['a'], 'stop'],
    ['ends with #', ['##'], [...'ends with ', '#'], 'eos'],
    ['xyz', ['yz', 'y'], ['x'], 'stop'],
    ['one two', ['two', 'one t'], [], 'stop'],
    ['a\u20ac\u20adb', ['\u20ac\u20ad'], ['a'], 'stop'],
    ['a\u{1f600}\u{1f601}', ['\u{1f600}!'], ['a', '\u{1f600}\u{1f601}'], 'eos'],
    ['', ['x'], [], 'eos'],
  ] as const)('of %j with the stop strings %j has %j', (text, stop, pieces, reason) => {
    expect(answerOf(text, stop)).toEqual({ pieces: [...pieces], reason });
  });

  it('ends at a stop string inside a token, whatever the tokens are', () => {
    const words = createTokenizer({
      vocab: Object.fromEntries([...'abc#', 'bc', '##'].map((token, id) => [token, id])),
      merges: ['# #', 'b c'],
      specialTokens: { eos: '<eos>' },
    });
    expect([...words.encode('a##bc')]).toHaveLength(3);
    expect(answerOf('a##bc', ['#'], words)).toEqual({ pieces: ['a'], reason: 'stop' });
    expect(answerOf('a##bc', ['#b'], words)).toEqual({ pieces: ['a', '#'], reason: 'stop' });
    expect(answerOf('a##bc', ['##b', 'c'], words)).toEqual({ pieces: ['a'], reason: 'stop' });
  });
});

it('a tokenizer of a folder that names several ids ends answers at all of them', async () => {
  const files = { ...tokenizer.save(), 'generation_config.json': '{"eos_token_id": [0, 1]}' };
  const several = tokenizerFromFiles(files);
  expect(several.eosTokenIds).toEqual([0, 1]);
  const reasons = new Set<string>();
  for (const id of several.eosTokenIds) {
    const answer = new AnswerText(several, { ends: new Set(several.eosTokenIds), stop: [], maxNewTokens: 3 });
    expect(answer.push(id)).toBe('');
    reasons.add(answer.finishReason as string);
  }
  expect(reasons).toEqual(new Set(['eos']));
});

/** That no family needs checks of its own: the same misuse is refused in the same words by all, before it does harm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, DisposedError, LimitError, OptionError, ShapeError } from '../../src/errors.js';
import { createModel, type LanguageModel } from '../../src/models/index.js';
import { openReference } from '../harness/referenceBackend.js';
import { fakeEncoderDecoder } from './fakeEncoderDecoder.js';

const device = openReference({ precision: 'f32' });
const prompts = [[3, 1], [9], [2, 6, 5]].map((ids) => Int32Array.from(ids));
const ids = (...values: number[]) => Int32Array.from(values);

const families: Record<string, () => Promise<LanguageModel>> = {
  'GPT-2': () =>
    createModel({ model_type: 'gpt2', vocab_size: 12, n_positions: 8, n_embd: 4, n_layer: 1, n_head: 1 }, { device }),
  OPT: () =>
    createModel(
      {
        ...{ model_type: 'opt', vocab_size: 12, max_position_embeddings: 8, hidden_size: 4, num_hidden_layers: 1 },
        ...{ num_attention_heads: 1, ffn_dim: 8 },
      },
      { device },
    ),
  'an encoder-decoder': () => fakeEncoderDecoder(device),
};

describe.each(Object.entries(families))('%s', (_, make) => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await make();
  });
  afterAll(() => model.dispose());

  /** What a decoding under way does. It is disposed of at the end, and must leave no memory. */
  const decoding = (newTokens: number, work: (decoding: ReturnType<LanguageModel['startDecoding']>) => void) => {
    const before = device.memory().liveStorages;
    const started = model.startDecoding(prompts, newTokens);
    try {
      work(started);
    } finally {
      started.dispose();
    }
    expect(device.memory().liveStorages).toBe(before);
  };

  it.each<[unknown, unknown, new (...args: never[]) => Error, string]>([
    [[], 2, OptionError, 'startDecoding: prompts is [], expected at least one prompt.'],
    [prompts[0], 2, OptionError, 'startDecoding: prompts is an Int32Array, expected a list of prompts'],
    [[[1, 2]], 2, OptionError, 'startDecoding: prompts[0] is [1,2], expected an Int32Array of ids'],
    [new Array(1), 2, OptionError, 'startDecoding: prompts[0] is undefined, expected an Int32Array of ids'],
    [[ids(1), ids()], 2, OptionError, 'startDecoding: prompt 1 is empty, expected at least one token.'],
    [[ids(1, 12)], 2, OptionError, "startDecoding: prompt 0 has the id 12, the model's vocabulary has 12."],
    [[ids(-1)], 2, OptionError, 'startDecoding: prompt 0 has the id -1'],
    [prompts, 0, OptionError, 'startDecoding: newTokens is 0, expected an integer of at least 1.'],
    [prompts, Number.NaN, OptionError, 'startDecoding: newTokens is NaN'],
    [prompts, 9, LimitError, 'for the answer, with newTokens 9; the model has 8 positions. Cut the prompt, or lower'],
  ])('does not start to answer %j by %j tokens', (given, newTokens, type, message) => {
    const start = () => model.startDecoding(given as never, newTokens as never);
    expect(start).toThrow(type);
    expect(start).toThrow(message);
  });

  it('takes the newest ids of the sequences that run, and no others', () => {
    decoding(3, (started) => {
      expect(() => started.next(ids(1, 2, 3))).toThrow('next: ids is an Int32Array, expected none at the first call');
      started.next().dispose();
      const sizes = 'expected an Int32Array with the newest id of each of the 3 sequences.';
      expect(() => started.next()).toThrow(`next: ids is undefined, ${sizes}`);
      expect(() => started.next(ids(1, 2))).toThrow(`next: ids is [1,2], ${sizes}`);
      expect(() => started.next([1, 2, 3] as never)).toThrow(`next: ids is [1,2,3], ${sizes}`);
      expect(() => started.next(ids(1, 12, 3))).toThrow(
        'next: ids[1] is 12, expected an id of the vocabulary, from 0 to 11.',
      );
      expect(() => started.next(ids(1, 2, -1))).toThrow(OptionError);
      // A refused call changes nothing.
      started.keep([0, 2]);
      expect(() => started.next(ids(1, 2, 3))).toThrow('the newest id of each of the 2 sequences');
      const hidden = started.next(ids(1, 3));
      expect(hidden.shape).toEqual([2, model.hiddenSize]);
      hidden.dispose();
    });
  });

  it('gives no more tokens than it made room for', () => {
    decoding(2, (started) => {
      started.next().dispose();
      started.next(ids(1, 2, 3)).dispose();
      expect(() => started.next(ids(1, 2, 3))).toThrow(LimitError);
      expect(() => started.next(ids(1, 2, 3))).toThrow(
        'next: each sequence has got the 2 tokens that startDecoding made room for.',
      );
    });
  });

  it.each([
    [[]],
    [[3]],
    [[-1]],
    [[0.5]],
    [[Number.NaN]],
    [[0, 0]],
    [[1, 0]],
    [new Array(1)],
    [['0']],
    [1],
    [undefined],
    [ids(0, 1)],
  ])('does not keep %j of three sequences', (indices) => {
    decoding(2, (started) => {
      started.next().dispose();
      expect(() => started.keep(indices as never)).toThrow(OptionError);
      expect(() => started.keep(indices as never)).toThrow(
        'expected at least one of the 3 running sequences, each once, by ascending index from 0 (dispose ends all).',
      );
      started.next(ids(1, 2, 3)).dispose();
    });
  });

  it('keeps nothing before the prompts were read, and does nothing after it was disposed of, which twice is harmless', () => {
    decoding(2, (started) => {
      expect(() => started.keep([0])).toThrow('keep: the prompts have not been read yet. Call next first.');
      started.next().dispose();
      started.dispose();
      expect(() => started.next(ids(1, 2, 3))).toThrow(DisposedError);
      expect(() => started.keep([0])).toThrow('keep: the decoding was disposed of. Start another by startDecoding.');
    });
  });

  it.each<[unknown, new (...args: never[]) => Error, string]>([
    [prompts[0], OptionError, 'collate: samples is an Int32Array, expected a list of samples'],
    [[null], DataError, 'collate: sample 0 is null, expected a sample, { ids, promptLength }.'],
    [[{ ids: [1], promptLength: 0 }], DataError, 'collate: sample 0.ids is [1], expected an Int32Array.'],
    [[{ ids: ids(1) }], DataError, 'collate: sample 0.promptLength is undefined, expected an integer.'],
    [[{ ids: ids(1), promptLength: 2 }], DataError, 'collate: sample 0: 1 tokens with a prompt of 2'],
    [[{ ids: ids(1, 12), promptLength: 1 }], DataError, 'collate: sample 0 has the id 12'],
  ])('collates no %j', (samples, type, message) => {
    expect(() => model.collate(samples as never)).toThrow(type);
    expect(() => model.collate(samples as never)).toThrow(message);
  });

  it.each<[object | null, new (...args: never[]) => Error, string]>([
    [null, OptionError, 'forward: batch is null, expected a batch, as collate gives it.'],
    [{ seq: 0 }, OptionError, 'forward: batch.seq is 0, expected an integer of at least 1.'],
    [{ ids: [1, 2] }, OptionError, 'forward: batch.ids is [1,2], expected an Int32Array.'],
    [{ ids: ids(1) }, ShapeError, 'forward: batch.ids has 1 elements, expected '],
    [{ keyRange: ids(0) }, ShapeError, 'forward: batch.keyRange has 1 elements, expected 2.'],
    [{ keyRange: ids(1, 0) }, OptionError, 'forward: batch.keyRange of row 0 is [1,0], expected positions from 0 to'],
    [{ keyRange: ids(0, 99) }, OptionError, 'forward: batch.keyRange of row 0 is [0,99]'],
    [{ ids: 'outside' }, OptionError, 'forward: batch.ids[0] is 12, expected an id of the vocabulary, from 0 to 11.'],
    [{ source: 3 }, OptionError, 'forward: batch.source is 3, expected a batch'],
  ])('runs no batch with %j', (changes, type, message) => {
    const batch = model.collate([{ ids: ids(3, 1, 4), promptLength: 1 }]);
    const outside = Object(changes).ids === 'outside' && { ids: batch.ids.map(() => 12) };
    const run = () => model.forward((changes === null ? null : { ...batch, ...changes, ...outside }) as never);
    expect(run).toThrow(type);
    expect(run).toThrow(message);
  });

  it('reads prompts beside the answers, or none', () => {
    const batch = model.collate([{ ids: ids(3, 1, 4), promptLength: 1 }]);
    const { source, ...alone } = batch;
    expect(source !== undefined).toBe(model.startTokenId !== undefined);
    const other = source ? alone : { ...batch, source: alone };
    expect(() => model.forward(other)).toThrow(OptionError);
    expect(() => model.forward(other)).toThrow("Take the batch from the model's own collate.");
    if (!source) return;
    const two = { ...source, batch: 2, ids: new Int32Array(2 * source.seq), keyRange: ids(0, 1, 0, 1) };
    expect(() => model.forward({ ...batch, source: two })).toThrow(
      'forward: batch.source has 2 rows, expected the 1 of the batch.',
    );
  });

  it('has no room for a prompt whose length is no number, and is trainable or not', () => {
    expect(() => model.room('3' as never)).toThrow(
      "room: promptLength is the string '3', expected an integer of at least 0.",
    );
    expect(() => model.setTrainable(1 as never)).toThrow('setTrainable: trainable is 1, expected true or false.');
  });
});

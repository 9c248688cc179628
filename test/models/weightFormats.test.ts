import { beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { dataOnly } from '../../src/distill/sgo/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { CheckpointError, OptionError, TrainingError } from '../../src/errors.js';
import { f16ToF32 } from '../../src/halfFloats.js';
import { unpackInt4 } from '../../src/int4.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';
import { createModel, type LanguageModel, loadModel, numParameters, saveModel } from '../../src/models/index.js';
import { headLogits, tidy, type WeightFormat } from '../../src/tensor/index.js';
import { halve, quantise, quantiseGroups } from '../../src/tensor/rounding.js';
import { collect, stepsOf, succession, tinyModel, tinyTokenizer } from '../distill/fixtures.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';

const host = openReference({ precision: 'f32' });
/** Odd widths: rows that do not begin at whole words. */
const config = {
  ...{ model_type: 'gpt2', vocab_size: 37, n_positions: 19, n_embd: 15, n_layer: 2, n_head: 3, n_inner: 29 },
  initializer_range: 0.3,
};
/** Linear parts of [out, in], grouped heads, no biases. */
const llama = {
  ...{ model_type: 'llama', vocab_size: 37, max_position_embeddings: 19, hidden_size: 15, num_hidden_layers: 2 },
  ...{ intermediate_size: 29, num_attention_heads: 3, num_key_value_heads: 1, head_dim: 6, initializer_range: 0.3 },
};
/** Two stacks, a table of relative positions that stays f32, an inner width that is not the model's. */
const t5 = {
  ...{ model_type: 't5', vocab_size: 37, d_model: 15, d_kv: 6, d_ff: 29, num_layers: 2, num_heads: 3 },
  ...{ relative_attention_num_buckets: 8, relative_attention_max_distance: 20, feed_forward_proj: 'gated-gelu' },
};

type Change = (values: Float32Array, shape: readonly number[], name: string) => Float32Array;

/** A saved model, its values changed by `change`. */
async function folder(
  change: Change = (values) => values,
  fields = {},
  base: Readonly<Record<string, unknown>> = config,
): Promise<MemoryStore> {
  const store = memoryStore();
  using model = await createModel({ ...base, ...fields }, { device: host, seed: 3 });
  await saveModel(model, store);
  const weights = await openSafetensors(store, 'model.safetensors');
  const tensors = [...weights.entries].map(
    ([name, { shape }]): TensorToWrite => ({
      name,
      dtype: 'F32',
      shape,
      read: async () => change(await readFloats(weights, name), shape, name),
    }),
  );
  const changed = memoryStore();
  await changed.write('config.json', [new TextEncoder().encode(JSON.stringify({ ...base, ...fields }))]);
  await writeSafetensors(changed, 'model.safetensors', tensors);
  return changed;
}

const isStored = (name: string) =>
  /wte|embed_tokens|shared|lm_head|(_proj|c_attn|c_fc|\.[qkvo]|\.w[io](_\d)?)\.weight$/.test(name);
/** The matrices as each dtype holds them, in f32. */
const rounded: Readonly<Record<'f16' | 'int8' | 'int4', Change>> = {
  f16: (values, _, name) => {
    if (!isStored(name)) return values;
    const { halves, scale } = halve(values);
    return f16ToF32(halves).map((half) => half * scale);
  },
  int8: byOutput((row) => {
    const { integers, scales } = quantise(row, 1);
    return Float32Array.from(integers, (integer) => integer * scales[0]!);
  }),
  int4: byOutput((row) => {
    const { integers, scales } = quantiseGroups(row, 1);
    const halves = f16ToF32(halve(scales).halves);
    const { scale } = halve(scales);
    return Float32Array.from(
      unpackInt4(integers, [row.length]),
      (integer, i) => (integer - 8) * halves[Math.floor(i / 32)]! * scale,
    );
  }),
};

/** Rounds the inputs of each output feature. */
function byOutput(round: (row: Float32Array) => Float32Array): Change {
  return (values, shape, name) => {
    if (!isStored(name)) return values;
    // Conv1D's are [in, out], and rounded output by output.
    const [rows, cols] = shape as [number, number];
    const [outputs, inputs] = /c_/.test(name) ? [cols, rows] : [rows, cols];
    const place = (output: number, input: number) => (/c_/.test(name) ? input * cols + output : output * cols + input);
    const result = new Float32Array(values.length);
    for (let output = 0; output < outputs; output++) {
      const row = Float32Array.from({ length: inputs }, (_, input) => values[place(output, input)]!);
      for (const [input, value] of round(row).entries()) result[place(output, input)] = value;
    }
    return result;
  };
}

/** Logits of a batch with padding: more rows than the skinny products take, then of a single one. */
async function logitsOf(model: LanguageModel): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  for (const [batch, seq] of [
    [3, 13],
    [1, 1],
  ] as const) {
    const ids = Int32Array.from({ length: batch * seq }, (_, i) => (7 * i + 3) % 37);
    const keyRange = Int32Array.from({ length: 2 * batch }, (_, i) => (i % 2 === 0 ? 0 : seq));
    const tokens = { batch, seq, ids, keyRange };
    const source = model.startTokenId === undefined ? {} : { source: tokens };
    const logits = tidy(() => headLogits(model.forward({ ...tokens, ...source }), model.head));
    results.push((await logits.read()) as Float32Array);
    logits.dispose();
  }
  return results;
}

/**
 * Of the largest logit. With int8 weights, WASM rounds what they are multiplied with to 15 bits, layer after layer. With
 * int4 too, where integers from 0 to 15 and minima are summed apart: an error counts twice as much.
 */
const allowed = { f16: 1e-5, int8: 2e-4, int4: 4e-4 } as const;

const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  );

forEachBackend((backend) => {
  describe.each(['f16', 'int8', 'int4'] as const)('a model held in %s', (dtype) => {
    it.each([
      { family: config, tied: true },
      { family: config, tied: false },
      { family: llama, tied: true },
      { family: t5, tied: true },
      { family: t5, tied: false },
    ])(
      'computes what its rounded weights compute in f32: $family.model_type, head tied: $tied',
      async ({ family, tied }) => {
        const fields = { tie_word_embeddings: tied };
        using model = await loadModel(await folder(undefined, fields, family), { device: backend(), dtype });
        using plain = await loadModel(await folder(rounded[dtype], fields, family), { device: backend() });
        expect(numParameters(model)).toBe(numParameters(plain));
        const [found, expected] = [await logitsOf(model), await logitsOf(plain)];
        found.forEach((logits, call) => {
          const largest = Math.max(...expected[call]!.map(Math.abs));
          const worst = Math.max(...logits.map((value, i) => Math.abs(value - expected[call]![i]!)));
          expect(worst).toBeLessThan(allowed[dtype] * largest);
          expect(largest).toBeGreaterThan(0.1);
        });
      },
    );

    it('teaches as its rounded weights do', async () => {
      const store = memoryStore();
      using source = await tinyModel(host, { seed: 2 });
      await saveModel(source, store);
      const weights = await openSafetensors(store, 'model.safetensors');
      const losses = async (teacher: LanguageModel) => {
        using student = await tinyModel(backend());
        const run = distill({
          ...{ teacher, student, tokenizer: tinyTokenizer(), data: { train: succession(2), validation: [] } },
          ...{ loss: skewReverseKL(), sgo: dataOnly(), optimizer: { lr: 1e-2 }, batchSize: 3, steps: 3 },
        });
        return stepsOf(await collect(run)).map(({ loss }) => loss);
      };
      using teacher = await loadModel(store, { device: backend(), dtype });
      const found = await losses(teacher);
      using plain = await loadModel(store, { device: backend() });
      for (const [name, parameter] of plain.parameters) {
        parameter.set(rounded[dtype](await readFloats(weights, name), parameter.shape, name));
      }
      const expected = await losses(plain);
      expect(found).toHaveLength(3);
      for (const [step, loss] of found.entries()) expect(Math.abs(loss / expected[step]! - 1)).toBeLessThan(1e-4);
    });
  });
});

describe('storing weights', () => {
  beforeEach(() => expect(host.memory().liveStorages).toBe(0));
  const load = (store: MemoryStore, dtype: WeightFormat, device: Device = host) => loadModel(store, { device, dtype });

  it('takes half, a quarter and a seventh of the memory', async () => {
    const bytes = async (dtype: WeightFormat) => {
      using _ = await load(await folder(), dtype);
      return host.memory().liveBytes;
    };
    using plain = await load(await folder(), 'f32');
    const stored = [...plain.parameters].reduce((total, [name, { size }]) => total + (isStored(name) ? size : 0), 0);
    const all = numParameters(plain);
    plain.dispose();
    expect(await bytes('f32')).toBe(4 * all);
    // Whole words each, and the scales of 37 + 2 (45 + 15 + 29 + 15) output features.
    expect((await bytes('f16')) - (4 * (all - stored) + 2 * stored)).toBeLessThan(4 * 9);
    expect((await bytes('int8')) - (4 * (all - stored) + stored + 4 * 245)).toBeLessThan(4 * 9);
    // Rows of 15 and 29 inputs are a group of 16 bytes each, with a scale.
    expect((await bytes('int4')) - (4 * (all - stored) + (16 + 2) * 245)).toBeLessThan(4 * 9);
  });

  it('an F16 file is taken as it is, and saved as it was', async () => {
    const [store, again] = [await folder(), memoryStore()];
    using plain = await load(store, 'f32');
    await saveModel(plain, store, { dtype: 'f16' });
    const before = await store.read('model.safetensors', 0, await store.size('model.safetensors'));
    using model = await load(store, 'f16');
    expect(model.head.format).toBe('f16');
    await saveModel(model, again);
    expect(await again.read('model.safetensors', 0, before.length)).toEqual(before);
    await saveModel(model, again, { dtype: 'f32' });
    using widened = await load(again, 'f32');
    using direct = await load(store, 'f32');
    for (const [name, parameter] of direct.parameters) {
      expect(await widened.parameters.get(name)!.read()).toEqual(await parameter.read());
    }
  });

  it.each([true, false])(
    'a model held in f16 is saved without a loss, of small weights too: head tied %s',
    async (tied) => {
      // Biases and norms that f16 has not, and a matrix below 2^-14, where f16 has few bits.
      const exact: Change = (values, _, name) =>
        isStored(name)
          ? values.map((value) => value * (name.includes('h.1.mlp.c_fc') ? 2 ** -16 : 1))
          : values.map((_, i) => 1 / (i + 3));
      const [store, saved] = [await folder(exact, { tie_word_embeddings: tied }), memoryStore()];
      using model = await load(store, 'f16');
      await saveModel(model, saved);
      using again = await load(saved, 'f16');
      const logits = await logitsOf(model);
      expect(await logitsOf(again)).toEqual(logits);
      const { entries } = await openSafetensors(saved, 'model.safetensors');
      const dtypeOf = (name: string) => entries.get(`transformer.${name}`)?.dtype;
      expect(['wte.weight', 'h.0.mlp.c_fc.weight', 'h.1.mlp.c_fc.weight', 'ln_f.bias'].map(dtypeOf)).toEqual([
        ...['F16', 'F16', 'F32', 'F32'],
      ]);
      expect(JSON.parse(new TextDecoder().decode(saved.files.get('config.json'))).torch_dtype).toBe('float32');
      // Asked for, all is rounded.
      await saveModel(model, saved, { dtype: 'f16' });
      const all = (await openSafetensors(saved, 'model.safetensors')).entries;
      expect(new Set([...all.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']));
    },
  );

  it('values that the dtype cannot hold are refused, by name', async () => {
    const put = (value: number) =>
      folder((values, _, name) => {
        if (name.endsWith('1.mlp.c_fc.weight')) values[4] = value;
        return values;
      });
    const tooLarge = await failure(load(await put(65520), 'f16'));
    expect(tooLarge).toBeInstanceOf(CheckpointError);
    expect(tooLarge.message).toMatch(/element 4 of 'transformer.h.1.mlp.c_fc.weight' is 65520, f16 holds/);
    const notANumber = await failure(load(await put(Number.NaN), 'int8'));
    expect(notANumber).toBeInstanceOf(CheckpointError);
    expect(notANumber.message).toMatch(/'transformer.h.1.mlp.c_fc.weight' holds a value that is not finite/);
    const beyond = await failure(load(await put(600_000), 'int4'));
    expect(beyond).toBeInstanceOf(CheckpointError);
    expect(beyond.message).toMatch(
      /'transformer.h.1.mlp.c_fc.weight' holds a value that is not finite or beyond 500,000/,
    );
    using model = await load(await put(65519), 'f16');
    expect(model.vocabSize).toBe(37);
    const store = await folder();
    const before = await store.read('model.safetensors', 0, await store.size('model.safetensors'));
    using plain = await load(await put(-65520), 'f32');
    const unsaved = await failure(saveModel(plain, store, { dtype: 'f16' }));
    expect(unsaved).toBeInstanceOf(CheckpointError);
    expect(unsaved.message).toMatch(/element 4 of 'transformer.h.1.mlp.c_fc.weight' is -65520, f16 holds/);
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
      const bias = plain.parameters.get('transformer.ln_f.bias')!;
      bias.set((await bias.read()).fill(value, 3, 4));
      const before = store.files.get('model.safetensors');
      const spoilt = await failure(saveModel(plain, store));
      expect(spoilt).toBeInstanceOf(TrainingError);
      expect(spoilt.message).toContain(
        `'transformer.ln_f.bias' holds a value that is not finite: element 3 ([3] of [15]) is ${value}`,
      );
      expect(store.files.get('model.safetensors')).toBe(before);
    }
    expect(await store.read('model.safetensors', 0, before.length)).toEqual(before);
  });

  it('is for models that are not trained', async () => {
    const store = await folder();
    const trainable = await failure(loadModel(store, { device: host, dtype: 'f16', trainable: true }));
    expect(trainable).toBeInstanceOf(OptionError);
    expect(trainable.message).toMatch(/a trainable model has dtype 'f32', found 'f16'/);
    expect(await failure(createModel(config, { device: host, dtype: 'int8' }))).toBeInstanceOf(OptionError);
    const unknown = await failure(loadModel(store, { device: host, dtype: 'int2' as WeightFormat }));
    expect(unknown.message).toMatch(/dtype is int2, expected one of f32, f16, int8, int4/);
    for (const dtype of ['int8', 'int4'] as const) {
      using model = await load(store, dtype);
      expect(() => model.setTrainable(true)).toThrow(OptionError);
      model.setTrainable(false);
      expect((await failure(saveModel(model, memoryStore()))).message).toMatch(`held in ${dtype}`);
    }
  });
});

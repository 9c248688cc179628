import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { CheckpointError, OptionError } from '../../src/errors.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';
import {
  createModel,
  inspectCheckpoint,
  type LanguageModel,
  type LoraOptions,
  loadModel,
  numParameters,
  saveModel,
} from '../../src/models/index.js';
import { createAdamW } from '../../src/optim/index.js';
import { openFolder as folderOf } from '../../src/platform/openFolder.js';
import {
  headLogits,
  linearCrossEntropy,
  Tape,
  tidy,
  type WeightFormat,
  weightFormats,
} from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';

const host = openReference({ precision: 'f32' });
const configs = {
  gpt2: {
    ...{ model_type: 'gpt2', vocab_size: 13, n_positions: 9, n_embd: 8, n_layer: 2, n_head: 2 },
    ...{ initializer_range: 0.3, embd_pdrop: 0, resid_pdrop: 0, attn_pdrop: 0 },
  },
  llama: {
    ...{ model_type: 'llama', vocab_size: 13, max_position_embeddings: 9, hidden_size: 8, num_hidden_layers: 2 },
    ...{ intermediate_size: 12, num_attention_heads: 2, num_key_value_heads: 1, initializer_range: 0.3 },
  },
  opt: {
    ...{ model_type: 'opt', vocab_size: 13, max_position_embeddings: 9, hidden_size: 8, ffn_dim: 12, dropout: 0 },
    ...{ num_hidden_layers: 1, num_attention_heads: 2, word_embed_proj_dim: 6, init_std: 0.3, attention_dropout: 0 },
  },
  t5: {
    ...{ model_type: 't5', vocab_size: 13, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 1, num_heads: 2 },
    ...{ feed_forward_proj: 'gated-gelu', dropout_rate: 0, tie_word_embeddings: false },
  },
} as const;
type Family = keyof typeof configs;

async function baseOf(family: Family, fields: object = {}): Promise<MemoryStore> {
  const store = memoryStore();
  using model = await createModel({ ...configs[family], ...fields }, { device: host, seed: 2 });
  await saveModel(model, store);
  return store;
}

const samples = [
  { ids: Int32Array.of(3, 4, 5, 6, 7, 1), promptLength: 2 },
  { ids: Int32Array.of(9, 2, 8, 1), promptLength: 1 },
];
/** One forward and backward pass, and where asked an update of AdamW. */
async function step(
  model: LanguageModel,
  {
    dropoutSeed,
    gradientCheckpointing = false,
    lr,
  }: { dropoutSeed?: number; gradientCheckpointing?: boolean; lr?: number } = {},
): Promise<number> {
  const batch = model.collate(samples);
  using optimizer = lr === undefined ? undefined : createAdamW(model.parameters);
  const loss = tidy(() => {
    const tape = new Tape();
    const options = { gradientCheckpointing, ...(dropoutSeed !== undefined && { dropoutSeed }) };
    const { loss } = tape.record(() =>
      linearCrossEntropy({
        student: { hidden: model.forward(batch, options), head: model.head },
        labels: batch.labels,
        gradScale: 1,
      }),
    );
    tape.backward();
    if (lr !== undefined) optimizer?.step(lr);
    return loss;
  });
  const [value] = await loss.read();
  loss.dispose();
  return value as number;
}
async function logitsOf(model: LanguageModel): Promise<number[]> {
  const logits = tidy(() => headLogits(model.forward(model.collate(samples)), model.head));
  const values = [...(await logits.read())];
  logits.dispose();
  return values;
}
const gradientsOf = async (model: LanguageModel) =>
  new Map(
    await Promise.all(
      [...model.parameters].flatMap(([name, { grad }]) =>
        grad ? [grad.read().then((values) => [name, [...values]] as const)] : [],
      ),
    ),
  );
const trainedOf = (model: LanguageModel) =>
  [...model.parameters].flatMap(([name, { requiresGrad }]) => (requiresGrad ? [name] : []));
const near = (found: readonly number[], wanted: readonly number[], allowed: number) => {
  const largest = Math.max(...wanted.map(Math.abs));
  for (const [i, value] of found.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(allowed * largest);
  expect(largest).toBeGreaterThan(0);
};
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  );

beforeEach(() => expect(host.memory().liveStorages).toBe(0));
afterAll(() => expect(host.memory().liveStorages).toBe(0));

const lora: LoraOptions = { rank: 2, alpha: 4, dropout: 0 };

describe('a new adapter', () => {
  it.each(['gpt2', 'llama', 'opt', 't5'] as const)(
    'of %s adds nothing at first, and trains nothing but itself',
    async (family) => {
      const store = await baseOf(family);
      using base = await loadModel(store, { device: host });
      using model = await loadModel(store, { device: host, lora });
      expect(await logitsOf(model)).toEqual(await logitsOf(base));
      expect(trainedOf(model)).toEqual(model.adapter!.parameters);
      expect(trainedOf(model).every((name) => /\.lora_[AB]\.weight$/.test(name))).toBe(true);
      const before = new Map(
        await Promise.all([...base.parameters].map(async ([name, each]) => [name, await each.read()] as const)),
      );
      for (let i = 0; i < 2; i++) await step(model, { lr: 0.1 });
      for (const [name, values] of before) expect(await model.parameters.get(name)!.read(), name).toEqual(values);
      for (const name of model.adapter!.parameters) {
        expect(
          (await model.parameters.get(name)!.read()).some((value) => value !== 0),
          name,
        ).toBe(true);
      }
      expect(await logitsOf(model)).not.toEqual(await logitsOf(base));
    },
  );

  it('stands beside all linear parts but the head, or beside those that are named, in the shapes of PEFT', async () => {
    const store = await baseOf('llama', { tie_word_embeddings: false });
    const shapes = async (options: LoraOptions) => {
      using model = await loadModel(store, { device: host, lora: options });
      return Object.fromEntries(model.adapter!.parameters.map((name) => [name, model.parameters.get(name)!.shape]));
    };
    const all = await shapes(lora);
    expect(Object.keys(all)).toHaveLength(2 * 2 * 7);
    expect(all['model.layers.1.mlp.down_proj.lora_A.weight']).toEqual([2, 12]);
    expect(all['model.layers.1.mlp.down_proj.lora_B.weight']).toEqual([8, 2]);
    expect(Object.keys(all).filter((name) => name.includes('lm_head'))).toEqual([]);
    expect(Object.keys(await shapes({ ...lora, targetModules: 'q_proj,v_proj' }))).toEqual(
      Object.keys(await shapes({ ...lora, targetModules: ['q_proj', 'v_proj'] })),
    );
    expect(
      Object.keys(await shapes({ ...lora, targetModules: ['layers.1.self_attn.q_proj'], modulesToSave: 'lm_head' })),
    ).toEqual([
      'model.layers.1.self_attn.q_proj.lora_A.weight',
      'model.layers.1.self_attn.q_proj.lora_B.weight',
      'lm_head.weight',
    ]);
  });

  it('starts by its seed and by the name of each part, uniform as PyTorch starts a linear layer', async () => {
    const store = await baseOf('llama');
    const values = async (options: LoraOptions) => {
      using model = await loadModel(store, { device: host, lora: options });
      const read = (layer: number, side: string) =>
        model.parameters.get(`model.layers.${layer}.mlp.up_proj.lora_${side}.weight`)!.read();
      return { first: await read(0, 'A'), second: await read(1, 'A'), up: await read(0, 'B') };
    };
    const { first, second, up } = await values({ ...lora, rank: 16 });
    expect(first).not.toEqual(second);
    expect(up.every((value) => value === 0)).toBe(true);
    const bound = 8 ** -0.5;
    expect(first.every((value) => Math.abs(value) <= bound)).toBe(true);
    expect(Math.max(...first)).toBeGreaterThan(0.8 * bound);
    expect(Math.min(...first)).toBeLessThan(-0.8 * bound);
    const others = await values({ ...lora, rank: 16, targetModules: ['up_proj'] });
    expect(others.second).toEqual(second);
    expect((await values({ ...lora, rank: 16, seed: 1 })).first).not.toEqual(first);
  });

  it('takes the options of the paper by default', async () => {
    using model = await loadModel(await baseOf('gpt2'), { device: host, lora: {} });
    expect(model.adapter!.config).toEqual({
      ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', base_model_name_or_path: null, revision: null },
      ...{ r: 16, lora_alpha: 64, lora_dropout: 0.1, use_rslora: false, bias: 'none', fan_in_fan_out: true },
      ...{ target_modules: ['c_attn', 'c_proj', 'c_fc'], modules_to_save: null, rank_pattern: {}, alpha_pattern: {} },
      ...{ init_lora_weights: true, inference_mode: true },
    });
  });

  it('drops what it reads in training only, by masks of its own names: a layer that is computed again draws them again', async () => {
    const store = await baseOf('t5');
    const of = async (options: Parameters<typeof step>[1], dropout = 0.5) => {
      using model = await loadModel(store, { device: host, lora: { ...lora, dropout } });
      await step(model, { lr: 0.1 });
      const loss = await step(model, options);
      return { loss, gradients: await gradientsOf(model) };
    };
    const dropped = await of({ dropoutSeed: 3 });
    expect(await of({ dropoutSeed: 3 })).toEqual(dropped);
    expect(await of({ dropoutSeed: 3, gradientCheckpointing: true })).toEqual(dropped);
    expect((await of({ dropoutSeed: 4 })).loss).not.toBe(dropped.loss);
    const plain = await of({});
    expect(plain.loss).not.toBe(dropped.loss);
    expect(await of({ dropoutSeed: 3 }, 0)).toEqual(plain);
    expect(await of({ gradientCheckpointing: true })).toEqual(plain);
  });

  it('multiplies by alpha over the rank, or over its root', async () => {
    const store = await baseOf('gpt2');
    const moved = async (options: LoraOptions) => {
      using base = await loadModel(store, { device: host });
      using model = await loadModel(store, {
        device: host,
        lora: { ...lora, rank: 4, targetModules: ['attn.c_proj'], ...options },
      });
      for (const name of model.adapter!.parameters) {
        const parameter = model.parameters.get(name)!;
        parameter.set(Float32Array.from({ length: parameter.size }, (_, i) => 0.02 * Math.sin(1 + 3 * i)));
      }
      const [found, plain] = [await logitsOf(model), await logitsOf(base)];
      return Math.max(...found.map((value, i) => Math.abs(value - plain[i]!)));
    };
    const one = await moved({ alpha: 4 });
    expect((await moved({ alpha: 8 })) / one).toBeCloseTo(2, 1);
    expect((await moved({ alpha: 2, rsLora: true })) / one).toBeCloseTo(1, 1);
  });
});

describe('parts that are trained as a whole', () => {
  it('are copies in f32 of their own: of a head that the base ties the embedding stays as it was', async () => {
    const store = await baseOf('gpt2');
    for (const [named, other] of [
      ['lm_head', 'transformer.wte.weight'],
      ['wte', 'lm_head.weight'],
    ] as const) {
      using base = await loadModel(store, { device: host });
      using model = await loadModel(store, { device: host, dtype: 'f16', lora: { ...lora, modulesToSave: named } });
      const own = trainedOf(model).filter((name) => !name.includes('lora_'));
      expect(own).toEqual([named === 'wte' ? 'transformer.wte.weight' : 'lm_head.weight']);
      expect(model.weights.get(own[0]!)!.format).toBe('f32');
      expect(model.weights.get(other)!.format).toBe('f16');
      await step(model, { lr: 0.1 });
      expect(await model.parameters.get(own[0]!)!.read()).not.toEqual(
        await base.parameters.get('transformer.wte.weight')!.read(),
      );
      const merged = memoryStore();
      await saveModel(model, merged, { merge: true, dtype: 'f32' });
      using again = await loadModel(merged, { device: host });
      expect(again.config.tie_word_embeddings).toBe(false);
      near(await logitsOf(again), await logitsOf(model), 1e-3);
    }
  });

  it('may be norms', async () => {
    using model = await loadModel(await baseOf('gpt2'), { device: host, lora: { ...lora, modulesToSave: ['ln_f'] } });
    expect(trainedOf(model).slice(-2)).toEqual(['transformer.ln_f.weight', 'transformer.ln_f.bias']);
    expect(model.adapter!.config.modules_to_save).toEqual(['transformer.ln_f']);
  });
});

forEachBackend((backend, name) => {
  it.each(weightFormats)(
    'learns beside matrices in %s as beside the same in f32',
    async (dtype) => {
      // A software GPU compiles shaders for half a minute.
      for (const family of name === 'WebGPU' ? (['llama'] as const) : (['gpt2', 'llama'] as const)) {
        const store = await baseOf(family);
        const learn = async (source: MemoryStore, held: WeightFormat) => {
          using model = await loadModel(source, { device: backend(), dtype: held, lora });
          const losses: number[] = [];
          for (let i = 0; i < 3; i++) losses.push(await step(model, { lr: 0.05 }));
          const own = [...model.adapter!.parameters];
          const values = await Promise.all(own.map(async (name) => [...(await model.parameters.get(name)!.read())]));
          return { losses, values: values.flat() };
        };
        const rounded = memoryStore();
        using held = await loadModel(store, { device: host, dtype });
        // What the format makes of the values, as a model in f32 has them.
        using plain = await loadModel(store, { device: host });
        const { readWeight } = await import('../../src/tensor/index.js');
        for (const [name, weight] of held.weights) {
          const layout = (plain.weights.get(name) as { readonly layout: 'outIn' | 'inOut' }).layout;
          plain.parameters.get(name)!.set(await readWeight(weight, layout));
        }
        await saveModel(plain, rounded);
        const [found, wanted] = [await learn(store, dtype), await learn(rounded, 'f32')];
        near(found.losses, wanted.losses, 1e-3);
        expect(found.losses[2]).toBeLessThan(found.losses[0]!);
        near(found.values, wanted.values, 2e-2);
      }
    },
    240_000,
  );
});

describe('the folder of an adapter', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'distillm-lora-'));
    return () => rm(folder, { recursive: true });
  });
  /** A base and a trained adapter, on disk. */
  async function trained(options: LoraOptions = lora): Promise<number[]> {
    using base = await createModel(configs.llama, { device: host, seed: 2 });
    await saveModel(base, at('base'));
    using model = await loadModel(at('base'), { device: host, lora: options });
    await step(model, { lr: 0.1 });
    model.promptTemplate = 'compact';
    await saveModel(model, at('adapter'), { files: { 'notes.txt': 'a' } });
    return logitsOf(model);
  }

  it('finds its base, merges where it is not trained, and goes on where it is', async () => {
    const wanted = await trained({ ...lora, modulesToSave: ['norm'] });
    using merged = await loadModel(at('adapter'), { device: host });
    expect(merged.adapter).toBeUndefined();
    expect(merged.promptTemplate).toBe('compact');
    near(await logitsOf(merged), wanted, 1e-5);
    using half = await loadModel(at('adapter'), { device: host, dtype: 'int8' });
    expect([...half.weights.values()].every(({ format }) => format === 'int8')).toBe(true);
    near(await logitsOf(half), wanted, 0.2);
    using again = await loadModel(at('adapter'), { device: host, trainable: true });
    expect(await logitsOf(again)).toEqual(wanted);
    expect(numParameters(again)).toBeGreaterThan(numParameters(merged));
    await saveModel(again, at('again'));
    const [first, second] = [
      await openSafetensors(openStore('adapter'), 'adapter_model.safetensors'),
      await openSafetensors(openStore('again'), 'adapter_model.safetensors'),
    ];
    expect([...second.entries.keys()]).toEqual([...first.entries.keys()]);
    for (const name of first.entries.keys())
      expect(await readFloats(second, name)).toEqual(await readFloats(first, name));
    // In half of the bits as well.
    await saveModel(again, at('half'), { dtype: 'f16' });
    using fromHalf = await loadModel(at('half'), { device: host });
    near(await logitsOf(fromHalf), wanted, 1e-2);
  });
  const openStore = (name: string) => folderOf(at(name));

  it('has a base where PEFT says it, beside it, or where the caller says it', async () => {
    const wanted = await trained();
    const named = async (base: unknown, where = 'adapter') => {
      const store = openStore(where);
      const config = JSON.parse(new TextDecoder().decode(await store.read('adapter_config.json')));
      await store.write('adapter_config.json', [
        new TextEncoder().encode(JSON.stringify({ ...config, base_model_name_or_path: base })),
      ]);
    };
    const logits = async (options: object = {}) => {
      using model = await loadModel(at('adapter'), { device: host, ...options });
      return logitsOf(model);
    };
    const before = await logits();
    near(before, wanted, 1e-5);
    await named('../base');
    expect(await logits()).toEqual(before);
    await named(null);
    expect((await failure(logits())).message).toMatch(
      /adapter_config.json: base_model_name_or_path is null, expected the name of the model .* Give that model as base/,
    );
    expect(await logits({ base: at('base') })).toEqual(before);
    expect(await logits({ base: openStore('base') })).toEqual(before);
    await named('./gone/away');
    const lost = await failure(logits());
    expect(lost).toBeInstanceOf(CheckpointError);
    expect(lost.message).toMatch(
      /the base of the adapter, .\/gone\/away, cannot be opened.*there is no checkpoint.*as base\.$/,
    );
    await named(at('adapter'));
    expect((await failure(logits())).message).toMatch(/the base .*adapter is an adapter itself/);
    const opened = await openCheckpoint(at('adapter'), { base: at('base') });
    expect((await opened.config()).fields.model_type).toBe('llama');
    expect((await failure(loadModel(opened, { device: host, base: at('base') }))).message).toMatch(/is opened already/);
    expect((await failure(loadModel(at('base'), { device: host, base: at('base') }))).message).toMatch(
      /holds no adapter. Leave base out/,
    );
  });

  it('is told of by inspectCheckpoint, and reads nothing on a meta device', async () => {
    await trained({ ...lora, rsLora: true, targetModules: ['q_proj'] });
    const facts = await inspectCheckpoint(at('adapter'), { device: host });
    expect(facts.adapter).toEqual({
      base: at('base'),
      ...{ rank: 2, alpha: 4, dropout: 0, rsLora: true, adapted: 2, parameters: 2 * (2 * 8 + 8 * 2) },
    });
    expect(facts.model).toMatchObject({ family: 'llama' });
    expect(facts.stored[0]).toMatchObject({ dtype: 'F32' });
    expect((await inspectCheckpoint(at('base'), { device: host })).adapter).toBeUndefined();
  });

  it('merges a student of some of its layers', async () => {
    await trained();
    using whole = await loadModel(at('adapter'), { device: host });
    using kept = await loadModel(at('adapter'), { device: host, layers: [1] });
    const name = (layer: number) => `model.layers.${layer}.mlp.up_proj.weight`;
    expect(await kept.parameters.get(name(0))!.read()).toEqual(await whole.parameters.get(name(1))!.read());
  });
});

describe('a file that PEFT could have written otherwise', () => {
  const where = 'memory/adapter_config.json';
  /** An adapter of a llama in memory, its fields and tensors changed. */
  async function stored(fields: object = {}, tensors: (all: TensorToWrite[]) => TensorToWrite[] = (all) => all) {
    const base = await baseOf('llama');
    using model = await loadModel(base, { device: host, lora: { ...lora, targetModules: ['q_proj'] } });
    await step(model, { lr: 0.1 });
    const store = memoryStore();
    await saveModel(model, store);
    const file = await openSafetensors(store, 'adapter_model.safetensors');
    const all = [...file.entries].map(
      ([name, { shape }]): TensorToWrite => ({ name, dtype: 'F32', shape, read: () => readFloats(file, name) }),
    );
    const values = new Map(await Promise.all(all.map(async ({ name, read }) => [name, await read()] as const)));
    const kept = tensors(all.map((each) => ({ ...each, read: async () => values.get(each.name)! }) as TensorToWrite));
    await writeSafetensors(store, 'adapter_model.safetensors', kept);
    const config = { ...model.adapter!.config, ...fields };
    await store.write('adapter_config.json', [new TextEncoder().encode(JSON.stringify(config))]);
    return { store, base, logits: await logitsOf(model) };
  }
  const renamed = (change: (name: string) => string) => (all: TensorToWrite[]) =>
    all.map((each) => ({ ...each, name: change(each.name) }));

  it.each([
    ['as get_peft_model_state_dict has them', (name: string) => name],
    ['with the name of the adapter', (name: string) => name.replace(/(lora_[AB])/, '$1.default')],
    ['without the prefix of PEFT', (name: string) => name.replace('base_model.model.', '')],
    ['of the model without its head', (name: string) => name.replace('base_model.model.model.', 'base_model.model.')],
  ])('has names %s', async (_, change) => {
    const { store, base, logits } = await stored({}, renamed(change));
    for (const trainable of [false, true]) {
      using model = await loadModel(store, { device: host, base, trainable });
      near(await logitsOf(model), logits, 1e-5);
    }
  });

  it.each([
    [{ peft_type: 'IA3' }, `${where}: peft_type is "IA3", expected "LORA": an adapter, which is not known here`],
    [{ use_dora: true }, `${where}: use_dora is true: DoRA, which is not known here`],
    [
      { bias: 'all' },
      `${where}: bias is "all": an adapter that trained biases of the base as well, which is not known here`,
    ],
    [{ lora_bias: true }, `${where}: lora_bias is true`],
    [{ trainable_token_indices: [1] }, `${where}: trainable_token_indices is [1]`],
    [{ megatron_config: { a: 1 } }, `${where}: megatron_config is {"a":1}`],
    [{ layer_replication: [[0, 1]] }, `${where}: layer_replication is`],
    [
      { a_feature_of_tomorrow: 3 },
      `${where}: a_feature_of_tomorrow is 3: the feature a_feature_of_tomorrow, which is not known here`,
    ],
    [{ init_lora_weights: 'pissa' }, `${where}: init_lora_weights is "pissa": an adapter of a base that was changed`],
    [{ lora_alpha: 'x' }, `${where}: field 'lora_alpha' is "x", expected`],
    [
      { alpha_pattern: { '(': 3 } },
      `${where}: alpha_pattern has the expression "(" with a "(" without ")" at character 0`,
    ],
    [{ rank_pattern: { '(?<=x)q': 3 } }, `${where}: rank_pattern has the expression "(?<=x)q" with "(?<="`],
    [{ target_modules: '(?P<a>q)_proj' }, `${where}: target_modules has the expression "(?P<a>q)_proj" with "(?P<"`],
    [{ layers_to_transform: 'x' }, `${where}: field 'layers_to_transform' is "x", expected the number of a layer`],
    [
      { target_modules: ['k_proj'] },
      'adapter of model.layers.0.self_attn.q_proj, and target_modules and what narrows them',
    ],
    [{ target_modules: 'q_proj' }, 'do not name it (2 such in all). PEFT would leave it out'],
    [
      { exclude_modules: ['layers.1.self_attn.q_proj'] },
      'an adapter of model.layers.1.self_attn.q_proj, and target_modules',
    ],
    [{ exclude_modules: '.*\\.1\\..*' }, 'an adapter of model.layers.1.self_attn.q_proj, and target_modules'],
    [{ layers_to_transform: [0] }, 'an adapter of model.layers.1.self_attn.q_proj, and target_modules'],
    [{ layers_to_transform: 1, layers_pattern: 'layers' }, 'an adapter of model.layers.0.self_attn.q_proj, and'],
    [{ layers_to_transform: [0, 1], layers_pattern: ['h'] }, 'do not name it (2 such in all)'],
    [{ r: 8 }, 'the adapter of model.layers.0.self_attn.q_proj has rank 2, expected 8, as r and rank_pattern of'],
    [
      { rank_pattern: { 'layers.1.self_attn.q_proj': 3 } },
      'the adapter of model.layers.1.self_attn.q_proj has rank 2, expected 3',
    ],
    [{ rank_pattern: { '^layers.1.self_attn.q_proj': 3, '.*1.*q_proj': 4 } }, 'has rank 2, expected 4'],
  ])('is refused with %j, by that name', async (fields, message) => {
    const { store, base } = await stored(fields);
    const error = await failure(loadModel(store, { device: host, base }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain(message);
  });

  it.each([
    { target_modules: '.*\\.layers\\.\\d+\\.(self_attn|mlp)\\.(q_proj|down_proj_of_none)' },
    { target_modules: '^model.layers.[01].self_attn.q_proj$' },
    { target_modules: null },
    { layers_to_transform: [1, 0], layers_pattern: 'layers' },
    { exclude_modules: ['k_proj'], r: 3, rank_pattern: { 'self_attn.[qk]_proj': 2 } },
    { r: 3, lora_alpha: 1, rank_pattern: { '^.*q_proj': 2 }, alpha_pattern: { 'layers.(0|1).*': 4, '.*': 9 } },
  ])('is taken with %j, which says what its tensors are', async (fields) => {
    const { store, base, logits } = await stored(fields);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    for (const trainable of [false, true]) {
      using model = await loadModel(store, { device: host, base, trainable });
      near(await logitsOf(model), logits, 1e-5);
      if (!trainable) continue;
      // What is written says the same.
      const again = memoryStore();
      await saveModel(model, again);
      using same = await loadModel(again, { device: host, base });
      near(await logitsOf(same), logits, 1e-5);
    }
    expect(warn.mock.calls).toEqual([]);
    warn.mockRestore();
  });

  it.each([
    '(([a-z_.0-9]+)+)+X',
    '(a?){1000}{9}',
    '(){1000}{1000}{1000}{1000}',
    '(a|b)*a(a|b){14}',
    `${'a'.repeat(3000)}*`,
  ])('takes no time for %s', async (source) => {
    for (const fields of [
      { alpha_pattern: { [source]: 8 } },
      { alpha_pattern: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${source}.?x${i}`, 8])) },
      { target_modules: `${source}|.*q_proj` },
    ]) {
      const { store, base } = await stored(fields);
      const before = performance.now();
      await loadModel(store, { device: host, base }).then(
        (model) => model.dispose(),
        (error: unknown) => expect(error).toBeInstanceOf(CheckpointError),
      );
      expect(performance.now() - before).toBeLessThan(10_000);
    }
  });

  it('leaves a named part without tensors as it is in the base, with a warning, and names it no more', async () => {
    const { store, base, logits } = await stored({ target_modules: ['q_proj', 'v_proj'], exclude_modules: ['k_proj'] });
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    using model = await loadModel(store, { device: host, base, trainable: true });
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(
        /adapter_config.json names model.layers.0.self_attn.v_proj by target_modules, .* no adapter of it \(2 such in all\)/,
      ),
    ]);
    warn.mockRestore();
    near(await logitsOf(model), logits, 1e-5);
    expect(model.adapter!.config).toMatchObject({ target_modules: ['q_proj'], exclude_modules: null, r: 2 });
  });

  it('is taken with features that are switched off', async () => {
    const off = {
      use_dora: false,
      layer_replication: null,
      lora_bias: false,
      corda_config: null,
      new_one: [],
      bias: 'none',
    };
    const { store, base, logits } = await stored({
      ...off,
      init_lora_weights: 'gaussian',
      megatron_core: 'megatron.core',
    });
    using model = await loadModel(store, { device: host, base });
    near(await logitsOf(model), logits, 1e-5);
  });

  it.each<[string, (all: TensorToWrite[]) => TensorToWrite[], RegExp]>([
    ['half an adapter', (all) => all.slice(1), /the adapter of model.layers.0.self_attn.q_proj has no lora_A/],
    ['no tensor', () => [], /there is no tensor of an adapter in it/],
    [
      'an adapter of an embedding',
      renamed((name) => name.replace(/self_attn.q_proj.lora_A.weight/, 'self_attn.q_proj.lora_embedding_A')),
      /lora_embedding_A' is no part of an adapter that is known here/,
    ],
    [
      'an adapter of no linear part',
      renamed((name) => name.replaceAll('q_proj', 'z_proj')),
      /an adapter of model.layers.0.self_attn.z_proj, which is no linear part of the base/,
    ],
    [
      'another width',
      (all) =>
        all.map((each) =>
          each.name.endsWith('0.self_attn.q_proj.lora_A.weight')
            ? ({ ...each, shape: [2, 4], read: async () => new Float32Array(8) } as TensorToWrite)
            : each,
        ),
      /'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight' is \[2, 4\], expected \[rank, 8\] for this base/,
    ],
    [
      'a NaN',
      (all) =>
        all.map((each) => ({ ...each, read: async () => new Float32Array(16).fill(Number.NaN) }) as TensorToWrite),
      /holds NaN|is NaN/,
    ],
  ])('with %s is refused', async (_, tensors, message) => {
    const { store, base } = await stored({}, tensors);
    const error = await failure(loadModel(store, { device: host, base }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });
});

describe('options of an adapter', () => {
  it.each<[object, string | RegExp]>([
    [{ rank: 0 }, 'loadModel: lora.rank is 0, expected an integer of at least 1.'],
    [{ alpha: 0 }, 'loadModel: lora.alpha is 0, expected a number above 0.'],
    [{ dropout: 1 }, 'loadModel: lora.dropout is 1, expected a number of at least 0 and below 1.'],
    [{ targetModules: '' }, "lora.targetModules is the string '', expected names of parts"],
    [{ targetModules: [] }, 'lora.targetModules is [], expected names of parts'],
    [
      { targetModules: ['q_prjo'] },
      "loadModel: lora.targetModules has 'q_prjo', which the model does not have there, expected some of all-linear, q_proj, " +
        'k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj. Did you mean q_proj?',
    ],
    [
      { targetModules: ['embed_tokens'] },
      'It is no linear part that an adapter can stand beside: name it in lora.modulesToSave',
    ],
    [{ modulesToSave: ['lm_haed'] }, /lora.modulesToSave has 'lm_haed', .*, lm_head\. Did you mean lm_head\?/],
    [
      { targetModules: ['q_proj'], modulesToSave: ['q_proj'] },
      'is named in lora.targetModules and in lora.modulesToSave',
    ],
    [{ ranks: 3 }, 'loadModel: there is no option lora.ranks'],
  ])('%j is refused', async (options, message) => {
    const store = await baseOf('llama');
    const error = await failure(loadModel(store, { device: host, lora: { ...lora, ...options } }));
    expect(error).toBeInstanceOf(OptionError);
    if (message instanceof RegExp) expect(error.message).toMatch(message);
    else expect(error.message).toContain(message);
  });

  it('name the head among the choices, also where it is tied', async () => {
    const tied = await baseOf('gpt2');
    const error = await failure(loadModel(tied, { device: host, lora: { ...lora, modulesToSave: ['nope'] } }));
    expect(error.message).toMatch(/^loadModel: lora.modulesToSave has 'nope', .* expected some of wte, .*, lm_head\./);
    expect(error).toMatchObject({ expected: expect.arrayContaining(['lm_head']) });
  });

  it('are refused where nothing is trained, where a part is left out, and beside a stored adapter', async () => {
    const store = await baseOf('llama');
    const messageOf = async (options: object, source: MemoryStore = store) =>
      (await failure(loadModel(source, { device: host, ...options }))).message;
    expect(await messageOf({ lora, trainable: false })).toBe(
      'loadModel: lora is given, and trainable is false. Leave one of them out.',
    );
    expect(await messageOf({ lora, layers: 1 })).toMatch(/^loadModel: layers is given, and an adapter is trained/);
    expect(await messageOf({ trainable: true, dtype: 'int8' })).toMatch(/or train an adapter \(lora\)\.$/);
    const adapter = memoryStore();
    using model = await loadModel(store, { device: host, lora });
    await saveModel(model, adapter);
    expect(await messageOf({ lora, base: store }, adapter)).toMatch(
      /^loadModel: lora is given, and memory holds an adapter already/,
    );
    const t5 = await baseOf('t5');
    expect(await messageOf({ lora: { ...lora, modulesToSave: 'shared' } }, t5)).toMatch(
      /names shared, which the encoder and the decoder share/,
    );
  });

  it('merge is refused for a model without an adapter, and beside matrices whose values are lost', async () => {
    const store = await baseOf('llama');
    using plain = await loadModel(store, { device: host });
    expect((await failure(saveModel(plain, memoryStore(), { merge: true }))).message).toMatch(
      /the model has no adapter/,
    );
    using model = await loadModel(store, { device: host, dtype: 'int8', lora });
    expect((await failure(saveModel(model, memoryStore(), { merge: true }))).message).toMatch(
      /or save the adapter alone/,
    );
    await saveModel(model, memoryStore());
  });
});

import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { CheckpointError, LimitError, OptionError } from '../../src/errors.js';
import { f32ToF16 } from '../../src/halfFloats.js';
import { type MemoryStore, memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { type TensorToWrite, writeSafetensors } from '../../src/io/writeSafetensors.js';
import { createModel, loadModel, numParameters, saveModel } from '../../src/models/index.js';
import { readWeight, sizeOf, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
const config = { model_type: 'gpt2', vocab_size: 11, n_positions: 7, n_embd: 6, n_layer: 2, n_head: 2 };

/** A saved model whose config fields and tensors may be changed. */
async function folder({
  config: made = config,
  fields = {},
  tensors = (all) => all,
}: {
  config?: Record<string, unknown>;
  fields?: Record<string, unknown>;
  tensors?: (all: TensorToWrite[]) => TensorToWrite[];
} = {}): Promise<MemoryStore> {
  const store = memoryStore();
  using model = await createModel(made, { device });
  await saveModel(model, store);
  const weights = await openSafetensors(store, 'model.safetensors');
  const all = [...weights.entries].map(
    ([name, { shape }]): TensorToWrite => ({ name, dtype: 'F32', shape, read: () => readFloats(weights, name) }),
  );
  await writeSafetensors(store, 'model.safetensors', tensors(all));
  await store.write('config.json', [new TextEncoder().encode(JSON.stringify({ ...made, ...fields }))]);
  return store;
}
const extra = (name: string, shape: readonly number[], values = new Float32Array(sizeOf(shape))): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape,
  read: async () => values,
});
const failure = async (store: Promise<MemoryStore>) =>
  loadModel(await store, { device }).then(
    () => expect.unreachable(),
    (error: unknown) => error as Error,
  );

beforeEach(() => expect(device.memory().liveStorages).toBe(0));
afterAll(() => expect(device.memory().liveStorages).toBe(0));

describe('loadModel', () => {
  it('takes names without the prefix, and leaves out masks and a copy of the tied head', async () => {
    const store = await folder({
      tensors: (all) => [
        ...all.map((tensor) => ({ ...tensor, name: tensor.name.replace('transformer.', '') })),
        extra('h.0.attn.bias', [1, 1, 7, 7]),
        extra('h.1.attn.masked_bias', []),
        { ...all[0]!, name: 'lm_head.weight' },
      ],
    });
    using model = await loadModel(store, { device });
    expect([...model.parameters.keys()][0]).toBe('transformer.wte.weight');
    expect(model.head.values).toBe(model.parameters.get('transformer.wte.weight'));
    expect([...model.parameters.values()].some(({ requiresGrad }) => requiresGrad)).toBe(false);
  });

  describe.each([
    ['gpt2', 'transformer.wte.weight', config],
    [
      'opt',
      'model.decoder.embed_tokens.weight',
      {
        ...{ model_type: 'opt', vocab_size: 11, max_position_embeddings: 7, hidden_size: 6, ffn_dim: 5 },
        ...{ num_hidden_layers: 1, num_attention_heads: 2 },
      },
    ],
  ])('a tied %s', (_, table, fields) => {
    const head = Float32Array.from({ length: 66 }, (_, i) => i / 7);

    it('keeps another head that its file holds, and says so; saved it is untied', async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const other = extra('lm_head.weight', [11, 6], head);
      const store = await folder({ config: fields, tensors: (all) => [...all, other] });
      using model = await loadModel(store, { device });
      const said = warn.mock.calls.flat().join();
      // One that is loaded several times says so once.
      const checkpoint = await openCheckpoint(store);
      warn.mockClear();
      for (let i = 0; i < 3; i++) (await loadModel(checkpoint, { device: device.meta() })).dispose();
      const times = warn.mock.calls.length;
      warn.mockRestore();
      expect(times).toBe(1);
      expect(said).toMatch(
        /^memory\/model.safetensors holds another lm_head.weight than its token embedding, although memory\/config.json/,
      );
      expect(await model.parameters.get('lm_head.weight')!.read()).toEqual(head);
      expect(await readWeight(model.head, 'outIn')).toEqual(head);
      expect(await model.parameters.get(table)!.read()).not.toEqual(head);
      const saved = memoryStore();
      await saveModel(model, saved);
      using again = await loadModel(saved, { device });
      expect(again.config.tie_word_embeddings).toBe(false);
      expect(await readWeight(again.head, 'outIn')).toEqual(head);
    });

    it("takes its token embedding from a file that has it under the head's name alone", async () => {
      const store = await folder({
        config: fields,
        tensors: (all) => all.map((tensor) => (tensor.name === table ? { ...tensor, name: 'lm_head.weight' } : tensor)),
      });
      const expected = await readFloats(await openSafetensors(store, 'model.safetensors'), 'lm_head.weight');
      using model = await loadModel(store, { device });
      expect(await model.parameters.get(table)!.read()).toEqual(expected);
      expect(model.head.values).toBe(model.parameters.get(table));
      expect(model.parameters.has('lm_head.weight')).toBe(false);
    });

    it('of more layers than its file has tensors is refused before any is made', async () => {
      const layers = 'n_layer' in fields ? 'n_layer' : 'num_hidden_layers';
      const error = await failure(folder({ config: fields, fields: { [layers]: 5000 } }));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toMatch(
        new RegExp(`config.json: ${layers} is 5000, but memory/model.safetensors has \\d+ tensors in all. Check`),
      );
      const endless = await failure(folder({ config: fields, fields: { [layers]: 1e9 } }));
      expect(endless.message).toMatch(new RegExp(`config.json: field '${layers}' is 1000000000.*10000`));
      await expect(createModel({ ...fields, [layers]: 1e9 }, { device })).rejects.toThrow(CheckpointError);
    });
  });

  it.each([
    ['f32', 'F32', Number.NaN],
    ['f32', 'F32', Number.NEGATIVE_INFINITY],
    ['f16', 'F32', Number.NaN],
    ['int8', 'F32', Number.POSITIVE_INFINITY],
    ['int4', 'F32', Number.NaN],
    ['f32', 'F16', Number.NaN],
    ['f16', 'F16', Number.POSITIVE_INFINITY],
  ] as const)('held in %s refuses a %s file that holds %s, with the place', async (dtype, stored, value) => {
    for (const [name, shape, element, place] of [
      ['transformer.h.1.mlp.c_fc.weight', [6, 24], 50, '[2, 2] of [6, 24]'],
      ['transformer.ln_f.bias', [6], 5, '[5] of [6]'],
    ] as const) {
      const values = new Float32Array(sizeOf(shape));
      values[element] = value;
      const spoilt = (tensor: TensorToWrite): TensorToWrite =>
        stored === 'F32'
          ? extra(tensor.name, shape, values)
          : { name: tensor.name, dtype: 'F16', shape, read: async () => f32ToF16(values) };
      const store = await folder({ tensors: (all) => all.map((each) => (each.name === name ? spoilt(each) : each)) });
      const error = await loadModel(store, { device, dtype }).catch((thrown: unknown) => thrown as CheckpointError);
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error).toMatchObject({ found: value });
      expect((error as Error).message).toBe(
        `memory/model.safetensors: '${name}' holds a value that is not finite: element ${element} (${place}) is ` +
          `${value}. The file is spoilt: download it again, or take an earlier checkpoint.`,
      );
    }
  });

  it('keeps the small files of its folder, byte for byte, through saving', async () => {
    const companions = {
      'generation_config.json': '{"eos_token_id": [0, 1],\n"temperature": 0.7}',
      'chat_template.jinja': '{% for m in messages %}\r\n',
      'LICENSE.txt': Uint8Array.of(0xff, 0, 1),
    };
    const others = {
      'tokenizer.json': '{}',
      'merges.txt': '',
      'added_tokens.json': '{}',
      'distillm.json': '{}',
      'pytorch_model.bin': 'weights',
      'model.safetensors.index.json': '{}',
      'notes.txt': new Uint8Array(2 ** 22 + 1),
    };
    const store = await folder();
    for (const [name, content] of Object.entries({ ...companions, ...others })) {
      await store.write(name, [typeof content === 'string' ? new TextEncoder().encode(content) : content]);
    }
    using model = await loadModel(store, { device });
    expect([...model.companionFiles.keys()]).toEqual(['LICENSE.txt', 'chat_template.jinja', 'generation_config.json']);
    const saved = memoryStore();
    await saveModel(model, saved, { files: { 'LICENSE.txt': 'mine' } });
    for (const name of ['generation_config.json', 'chat_template.jinja'] as const) {
      expect(new TextDecoder().decode(saved.files.get(name))).toBe(companions[name]);
    }
    expect(new TextDecoder().decode(saved.files.get('LICENSE.txt'))).toBe('mine');
    expect(saved.files.size).toBe(5);
    // A web server lists nothing: of a model that is trained, the files that are known to matter are asked for.
    const unlisted = { ...store, list: () => Promise.reject(new OptionError('a web server does not list its files')) };
    using served = await loadModel(unlisted, { device, trainable: true });
    expect([...served.companionFiles.keys()].sort()).toEqual(['chat_template.jinja', 'generation_config.json']);
    using frozen = await loadModel(unlisted, { device });
    expect([...frozen.companionFiles.keys()]).toEqual([]);
  });

  it('writes the numbers for which transformers takes no integer with a fraction', async () => {
    const store = memoryStore();
    const odd = { ...config, initializer_range: 0, layer_norm_epsilon: 1, summary_first_dropout: 1, none: 1.5 };
    using model = await createModel(odd, { device });
    await saveModel(model, store);
    const text = new TextDecoder().decode(store.files.get('config.json'));
    expect(text).toMatch(/^ {2}"initializer_range": 0\.0,\n/m);
    expect(text).toMatch(/^ {2}"layer_norm_epsilon": 1\.0,?\n/m);
    expect(text).toMatch(/^ {2}"summary_first_dropout": 1,?\n/m);
    expect(JSON.parse(text)).toMatchObject(odd);
  });

  it('unties the head when config.json says so', async () => {
    const store = await folder({
      fields: { tie_word_embeddings: false },
      tensors: (all) => [...all, extra('lm_head.weight', [11, 6])],
    });
    using model = await loadModel(store, { device });
    expect(model.head.values).toBe(model.parameters.get('lm_head.weight'));
    using tied = await createModel(config, { device });
    expect(numParameters(model)).toBe(numParameters(tied) + 11 * 6);
  });

  it('says that weights are quantized, and by what', async () => {
    for (const [quantization_config, how] of [
      [{ quant_method: 'gptq', bits: 4 }, ' by gptq'],
      [{ load_in_8bit: true }, ''],
    ] as const) {
      const error = await failure(folder({ fields: { quantization_config } }));
      expect(error).toBeInstanceOf(CheckpointError);
      expect(error.message).toMatch(
        `config.json: the weights are quantized${how} (quantization_config), which is not read here. Take the model`,
      );
    }
    using model = await loadModel(await folder({ fields: { quantization_config: null } }), { device });
    expect(model.family).toBe('gpt2');
  });

  it('names missing and unexpected tensors', async () => {
    const error = await failure(
      folder({
        tensors: ([, ...rest]) => [...rest.filter(({ name }) => !name.includes('ln_f')), extra('score.weight', [2, 6])],
      }),
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(
      /memory\/model.safetensors: .*3 missing: transformer.wte.weight, transformer.ln_f.weight, /,
    );
    expect(error.message).toMatch(/1 unexpected: score.weight\./);
    expect(error).toMatchObject({ found: ['score.weight'], expected: { length: 3 } });
  });

  it('shortens a long list of missing tensors', async () => {
    expect((await failure(folder({ fields: { n_layer: 3 } }))).message).toMatch(
      /12 missing: (transformer.h.2[\w.]+, ){7}[\w.]+ and 4 more/,
    );
  });

  it('gives shapes expected and found', async () => {
    const error = await failure(folder({ fields: { vocab_size: 12 } }));
    expect(error.message).toMatch(/'transformer.wte.weight' is \[11, 6\], expected \[12, 6\] from config.json/);
  });

  it('refuses one parameter under two names', async () => {
    const error = await failure(folder({ tensors: (all) => [...all, extra('wpe.weight', [7, 6])] }));
    expect(error.message).toMatch(/'transformer.wpe.weight' and 'wpe.weight' are the same parameter/);
  });

  it.each([
    [{ model_type: 'bert' }, /config.json: model_type is "bert", expected one of gpt2/],
    [{ model_type: 'constructor' }, /model_type is "constructor"/],
    [{ model_type: 'gemma3' }, /model_type is "gemma3", expected .* gemma3_text model with an encoder of images/],
    [{ n_embd: undefined }, /field 'n_embd' is missing, expected an integer of at least 1\. Correct/],
    [{ n_embd: '6' }, /field 'n_embd' is "6"/],
    [{ n_layer: 0 }, /field 'n_layer' is 0/],
    [{ n_head: 4 }, /field 'n_head' is 4, expected a divisor of n_embd/],
    [
      { activation_function: 'mish' },
      /field 'activation_function' is "mish", expected one of relu, gelu, .*gelu_new, .*swish/,
    ],
    [{ resid_pdrop: 1 }, /field 'resid_pdrop' is 1/],
    [{ scale_attn_by_inverse_layer_idx: 1 }, /field 'scale_attn_by_inverse_layer_idx' is 1/],
    [{ layer_norm_epsilon: 1e-50 }, /field 'layer_norm_epsilon' is 1e-50, expected a number from 1e-30 to 1/],
    [{ layer_norm_epsilon: 1e300 }, /field 'layer_norm_epsilon' is 1e\+300/],
    [{ add_cross_attention: true }, /field 'add_cross_attention' is true/],
  ])('refuses config %j', async (fields, message) => {
    const error = await failure(folder({ fields }));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });

  it('says what is missing in a folder that has no model', async () => {
    await expect(loadModel('./no/such/folder', { device })).rejects.toThrow(
      /no\/such\/folder: there is no checkpoint: there is no such file or folder \(ENOENT\)/,
    );
    await expect(loadModel(memoryStore({ 'config.json': JSON.stringify(config) }), { device })).rejects.toThrow(
      /there is no model.safetensors .*found config.json/,
    );
  });

  it('checks the memory before it reads tensors, and frees what it made when memory runs out', async () => {
    const store = await folder();
    const small = { ...device, info: { ...device.info, maxStorageBytes: 4 * 6 * 18 - 4 } };
    const tooLarge = await loadModel(store, { device: small }).catch((error: unknown) => error);
    expect(tooLarge).toBeInstanceOf(LimitError);
    expect((tooLarge as Error).message).toMatch(
      /'transformer.h.0.attn.c_attn.weight' needs 432 bytes of 4.5 KiB in all; this device \(reference in f32\) allows 428 bytes/,
    );
    let left = 9;
    const full = {
      ...device,
      allocate: (...given: Parameters<typeof device.allocate>) => {
        if (left-- === 0) throw new LimitError('no memory is left', { found: 24, expected: 0 });
        return device.allocate(...given);
      },
    };
    await expect(loadModel(store, { device: full })).rejects.toThrow(/the model needs 4.5 KiB. no memory is left/);
  });
});

describe('createModel', () => {
  const values = async (seed: number) => {
    using model = await createModel(config, { device, seed });
    const all = new Map<string, Float32Array>();
    for (const [name, tensor] of model.parameters) all.set(name, (await tensor.read()) as Float32Array);
    return all;
  };

  it('is a function of the seed, the same bits everywhere', async () => {
    const [one, again, other] = [await values(1), await values(1), await values(2)];
    expect(again).toEqual(one);
    expect(other.get('transformer.wte.weight')).not.toEqual(one.get('transformer.wte.weight'));
    const bits = new Uint32Array(one.get('transformer.wte.weight')!.buffer, 0, 4);
    expect([...bits]).toEqual([3175855153, 3162908846, 3168169176, 1023430616]);
  });

  it('sets biases to 0, norms to 1, and starts trainable', async () => {
    using model = await createModel(config, { device });
    expect(await model.parameters.get('transformer.h.1.ln_2.weight')!.read()).toEqual(new Float32Array(6).fill(1));
    expect(await model.parameters.get('transformer.h.1.mlp.c_fc.bias')!.read()).toEqual(new Float32Array(24));
    expect([...model.parameters.values()].every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect(numParameters(model)).toBe(11 * 6 + 7 * 6 + 2 * (12 * 36 + 13 * 6) + 12);
    expect(model).toMatchObject({ family: 'gpt2', vocabSize: 11, hiddenSize: 6, numLayers: 2, maxPositions: 7 });
  });

  it('fills in what config leaves out, under the names of its family', async () => {
    const defaults = { vocabSize: 13, maxPositions: 9, bosTokenId: undefined, eosTokenId: 12 };
    const { n_positions: _, ...gpt2 } = config;
    const opt = { num_hidden_layers: 1, num_attention_heads: 1, hidden_size: 4, ffn_dim: 4 };
    using first = await createModel(gpt2, { device, defaults });
    expect(first).toMatchObject({ vocabSize: 11, maxPositions: 9 });
    expect(first.config).toMatchObject({ n_positions: 9, bos_token_id: null, eos_token_id: 12 });
    using second = await createModel({ model_type: 'opt', ...opt }, { device, defaults });
    expect(second).toMatchObject({ vocabSize: 13, maxPositions: 9 });
    expect(second.config).toMatchObject({ max_position_embeddings: 9, eos_token_id: 12 });
  });

  it('gives up its memory once, and says so after', async () => {
    const model = await createModel(config, { device });
    model.dispose();
    model.dispose();
    const batch = { batch: 1, seq: 1, ids: Int32Array.of(1), keyRange: Int32Array.of(0, 1) };
    expect(() => tidy(() => model.forward(batch))).toThrow(/after it was disposed/);
  });

  it('refuses a sequence longer than its positions', async () => {
    using model = await createModel(config, { device });
    const batch = { batch: 1, seq: 8, ids: new Int32Array(8), keyRange: Int32Array.of(0, 8) };
    expect(() => tidy(() => model.forward(batch))).toThrow(/row 0 has 8 tokens, the model has 7 positions/);
  });
});

it.each(['int8', 'bf16', null])('saveModel refuses dtype %s before it writes', async (dtype) => {
  using model = await createModel(config, { device });
  const store = memoryStore();
  const refused = expect(saveModel(model, store, { dtype: dtype as never })).rejects;
  await refused.toThrow(OptionError);
  await refused.toThrow(`saveModel: dtype is ${dtype}, expected one of f32, f16.`);
  expect(await store.exists('config.json')).toBe(false);
});

it('saveModel refuses a store that cannot be written', async () => {
  using model = await createModel(config, { device });
  await expect(saveModel(model, 'https://example.org/model')).rejects.toBeInstanceOf(OptionError);
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { fineTune } from '../../src/distill/trainer/index.js';
import { CheckpointError } from '../../src/errors.js';
import { f16ToF32, f32ToF16 } from '../../src/halfFloats.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { readFloats } from '../../src/io/tensorSource.js';
import { loadModel, saveModel } from '../../src/models/index.js';
import { weightBytesOf } from '../../src/models/memory.js';
import { headLogits, readWeight, tidy } from '../../src/tensor/index.js';
import { createRandom } from '../../src/testing/random.js';
import { fieldsOf, floatOf } from '../../src/text/formats/protobuf.js';
import { createTokenizer, loadTokenizer, type Tokenizer } from '../../src/text/index.js';
import { openReference } from '../harness/referenceBackend.js';
import {
  f32Tensor,
  flag,
  float32,
  floats,
  ggufBytes,
  integers,
  type Typed,
  text,
  texts,
  uint32,
} from '../io/ggufBytes.js';
import { largestDifference } from '../models/oracle.js';
import cases from '../oracles/tokenizer/cases.json' with { type: 'json' };
import bytes from '../oracles/tokenizer/tokenizer.json' with { type: 'json' };

const oracle = (path: string) => fileURLToPath(new URL(`../oracles/${path}`, import.meta.url));
const device = openReference({ precision: 'f32' });
const store = (metadata: Readonly<Record<string, Typed>>, tensors: Parameters<typeof ggufBytes>[1] = []) =>
  memoryStore({ 'm.gguf': ggufBytes(metadata, tensors) });
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );

describe.each([
  ['gguf/llama-linear.gguf', 'llama/linear/model'],
  ['gguf/llama-wide.gguf', 'llama/wide/model'],
  ['gguf/qwen2.gguf', 'qwen2/model'],
  ['gguf/qwen3.gguf', 'qwen3/model'],
  ['gguf/gemma3.gguf', 'gemma3/pattern/model'],
  ['gguf/gpt2.gguf', 'gpt2/model'],
])('%s', (path, folder) => {
  it('is the model of its folder in F16: the same tensors in the same order, and the same config', async () => {
    const ours = await openCheckpoint(oracle(path));
    expect(ours.name).toBe(oracle(path));
    const tensors = await ours.tensors();
    const expected = await (await openCheckpoint(oracle(folder))).tensors();
    const names = [...expected.entries.keys()].filter((name) => !name.endsWith('.attn.bias'));
    expect([...tensors.entries.keys()].sort()).toEqual(names.sort());
    for (const name of names) {
      const wanted = await readFloats(expected, name);
      const { shape } = expected.entries.get(name)!;
      expect([name, tensors.entries.get(name)?.shape]).toEqual([name, shape]);
      // Gemma's norms are rounded when 1 is added to them.
      const [one, other] =
        shape.length > 1 ? [f16ToF32(f32ToF16(wanted)), 0] : [wanted, folder.includes('gemma') ? 2 ** -23 : 0];
      const difference = largestDifference(await readFloats(tensors, name), one);
      expect([name, difference <= other]).toEqual([name, true]);
    }
    using made = await loadModel(ours, { device });
    using wanted = await loadModel(oracle(folder), { device });
    expect(made.family).toBe(wanted.family);
    const prompts = [Int32Array.of(1, 5, 9, 2)];
    const answers = [made, wanted].map((model) => {
      const decoding = model.startDecoding(prompts, 1);
      const hidden = decoding.next();
      return { decoding, hidden };
    });
    const [one, other] = (await Promise.all(answers.map(({ hidden }) => hidden.read()))) as [
      Float32Array,
      Float32Array,
    ];
    // F16 rounds the weights by 2^-11 of them.
    expect(Math.max(...one.map((value, i) => Math.abs(value - other[i]!)))).toBeLessThan(0.02);
    for (const { decoding, hidden } of answers) {
      hidden.dispose();
      decoding.dispose();
    }
    expect(device.memory().liveStorages).toBeGreaterThan(0);
  });

  it('saves as a Hugging Face folder that is the same model', async () => {
    const saved = memoryStore();
    using model = await loadModel(oracle(path), { device });
    await saveModel(model, saved);
    using again = await loadModel(saved, { device });
    for (const [name, parameter] of model.parameters) {
      expect([name, await again.parameters.get(name)?.read()]).toEqual([name, await parameter.read()]);
    }
  });
});

// A busy machine compiles the module of a device, and reads hundreds of spoilt files, for longer than half a minute.
vi.setConfig({ testTimeout: 120_000 });

const key = (name: string) => `tokenizer.ggml.${name}`;
const base: Readonly<Record<string, Typed>> = {
  'general.architecture': text('llama'),
  'llama.block_count': uint32(1),
  'llama.context_length': uint32(16),
  'llama.embedding_length': uint32(8),
  'llama.feed_forward_length': uint32(6),
  'llama.attention.head_count': uint32(2),
  'llama.attention.layer_norm_rms_epsilon': float32(1e-5),
};
const table = f32Tensor('token_embd.weight', [5, 8], Array(40).fill(0.5));
const fieldsOfModel = async (metadata: Readonly<Record<string, Typed>>, tensors = [table]) =>
  (await (await openCheckpoint(store(metadata, tensors))).config()).fields;

describe('blocks of four bits', () => {
  const { normal, integer } = createRandom(3);
  const [dim, ffn, vocabulary] = [96, 64, 40];
  const blockBytesOf = { 2: 18, 3: 20, 8: 34 } as const;
  type BlockType = keyof typeof blockBytesOf;
  /** A matrix in Q4_0 (2), Q4_1 (3) or Q8_0 (8). */
  const blocks = (name: string, shape: readonly [number, number], type: BlockType) => {
    const step = blockBytesOf[type];
    const bytes = new Uint8Array(((shape[0] * shape[1]) / 32) * step);
    for (let at = 0; at < bytes.length; at += step) {
      for (let i = at; i < at + step; i++) bytes[i] = integer(256);
      // A scale of either sign, and a minimum.
      const halves = f32ToF16(Float32Array.of(0.02 * normal(), 0.1 * normal()));
      bytes.set(new Uint8Array(halves.buffer, 0, type === 3 ? 4 : 2), at);
    }
    return { name, shape, type, bytes };
  };
  /** `tableType`: of the embedding, to which the head is tied. */
  const model = (type: BlockType, spoil: (bytes: Uint8Array) => void = () => {}, tableType = type) => {
    const table = blocks('token_embd.weight', [vocabulary, dim], tableType);
    spoil(table.bytes);
    const layer = (part: string, rows: number, cols: number) => blocks(`blk.0.${part}.weight`, [rows, cols], type);
    const norm = (name: string) => f32Tensor(name, [dim], Array(dim).fill(1));
    const metadata = {
      ...base,
      'llama.embedding_length': uint32(dim),
      'llama.feed_forward_length': uint32(ffn),
      'llama.attention.head_count': uint32(3),
    };
    return store(metadata, [
      table,
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((part) => layer(part, dim, dim)),
      ...[layer('ffn_gate', ffn, dim), layer('ffn_up', ffn, dim), layer('ffn_down', dim, ffn)],
      ...['blk.0.attn_norm.weight', 'blk.0.ffn_norm.weight', 'output_norm.weight'].map(norm),
    ]);
  };

  it.each([
    ['Q4_0', 2, 18],
    ['Q4_1', 3, 20],
  ] as const)('in %s reach int4 as they are, and take the room that is planned', async (_, type, blockBytes) => {
    const wasm = await openWasm({ threads: 1 });
    const held = { device: wasm, dtype: 'int4' } as const;
    const file = model(type);
    using made = await loadModel(file, held);
    using plain = await loadModel(file, { device: wasm });
    expect(made.weights.size).toBe(8);
    for (const [name, weight] of made.weights) {
      expect(weight.format).toBe('int4');
      expect([name, await readWeight(weight, 'outIn')]).toEqual([name, await plain.parameters.get(name)?.read()]);
    }
    using planned = await loadModel(file, { ...held, device: wasm.meta() });
    expect(weightBytesOf(planned)).toBe(weightBytesOf(made));
    // Rows of 96 are three groups.
    expect(made.head.values.storage.byteLength).toBe(vocabulary * 3 * 16);
    if (made.head.format !== 'int4') expect.unreachable();
    expect(made.head.scales.storage.byteLength).toBe(vocabulary * 3 * (blockBytes - 16));
    await wasm.dispose();
  });

  it('stay beside matrices of eight bits, which stay as they are stored, with the scales of their groups', async () => {
    const wasm = await openWasm({ threads: 1 });
    const file = model(3, undefined, 8);
    for (const dtype of ['int4', 'int8'] as const) {
      using made = await loadModel(file, { device: wasm, dtype });
      using plain = await loadModel(file, { device: wasm });
      expect([made.head.format, made.weights.get('model.layers.0.mlp.up_proj.weight')?.format]).toEqual([
        'int8',
        dtype,
      ]);
      const tableName = 'model.embed_tokens.weight';
      expect(await readWeight(made.head, 'outIn')).toEqual(await plain.parameters.get(tableName)?.read());
      if (made.head.format !== 'int8') expect.unreachable();
      expect(made.head.scales.shape).toEqual([vocabulary, 3]);
      using planned = await loadModel(file, { device: wasm.meta(), dtype });
      expect(weightBytesOf(planned)).toBe(weightBytesOf(made));
      // Logits, and the embeddings of the prompt, as those of the same values in f32.
      const logits = await Promise.all(
        [made, plain].map(async (each) => {
          const batch = { batch: 1, seq: 3, ids: Int32Array.of(1, 39, 7), keyRange: Int32Array.of(0, 3) };
          const result = tidy(() => headLogits(each.forward(batch), each.head));
          const values = (await result.read()) as Float32Array;
          result.dispose();
          return values;
        }),
      );
      const [found, wanted] = logits as [Float32Array, Float32Array];
      const largest = Math.max(...wanted.map(Math.abs));
      const off = largestDifference(found, wanted) / largest;
      // int8 rounds the other matrices once more.
      expect(off).toBeLessThan(dtype === 'int4' ? 2e-4 : 0.05);
    }
    await wasm.dispose();
  });

  it('are what int4 makes of a file that is in eight bits throughout', async () => {
    using made = await loadModel(model(8), { device, dtype: 'int4' });
    expect(new Set([...made.weights.values()].map(({ format }) => format))).toEqual(new Set(['int4']));
  });

  it('are requantised once where they are of another kind', async () => {
    using made = await loadModel(oracle('gguf/llama-wide.gguf'), { device, dtype: 'int4' });
    expect(new Set([...made.weights.values()].map(({ format }) => format))).toEqual(new Set(['int4']));
  });

  it('with a scale that is not finite are refused', async () => {
    const spoilt = model(2, (bytes) => {
      // Of the second block.
      [bytes[18], bytes[19]] = [0, 0x7c];
    });
    expect((await failure(loadModel(spoilt, { device, dtype: 'int4' }))).message).toMatch(
      /'model.embed_tokens.weight' holds a scale of a block that is not finite: Infinity. The file is spoilt/,
    );
  });
});

describe('the config of a GGUF file', () => {
  it('has numbers as they were written, and a tied head where there is no other', async () => {
    expect(await fieldsOfModel(base)).toMatchObject({
      model_type: 'llama',
      vocab_size: 5,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      num_key_value_heads: 2,
      head_dim: 4,
      tie_word_embeddings: true,
      attention_bias: false,
      mlp_bias: false,
    });
    const head = { ...table, name: 'output.weight' };
    expect(await fieldsOfModel(base, [table, head])).toMatchObject({ tie_word_embeddings: false });
  });

  it('names the scaling of positions', async () => {
    const scaled = (type: string) => ({
      ...base,
      'llama.rope.scaling.type': text(type),
      'llama.rope.scaling.factor': float32(4),
      'llama.rope.scaling.original_context_length': uint32(4),
    });
    expect(await fieldsOfModel(scaled('linear'))).toMatchObject({ rope_scaling: { rope_type: 'linear', factor: 4 } });
    expect(await fieldsOfModel(scaled('yarn'))).toMatchObject({
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 4 },
    });
    expect((await failure(fieldsOfModel(scaled('longrope')))).message).toMatch(
      /rope.scaling.type is 'longrope', expected none, linear or yarn/,
    );
  });

  it('finds the parameters of Llama 3.1 in the factors of its pairs', async () => {
    const [headDim, theta, factor] = [64, 500_000, 8];
    // As convert_hf_to_gguf.py makes them.
    const factors = Array.from({ length: headDim / 2 }, (_, pair) => {
      const wavelength = 2 * Math.PI * theta ** ((2 * pair) / headDim);
      if (wavelength < 8192 / 4) return 1;
      if (wavelength > 8192) return factor;
      const smooth = (8192 / wavelength - 1) / (4 - 1);
      return 1 / ((1 - smooth) / factor + smooth);
    });
    const wide = {
      ...base,
      'llama.embedding_length': uint32(128),
      'llama.rope.freq_base': float32(theta),
      'llama.rope.dimension_count': uint32(headDim),
    };
    const tensors = (values: readonly number[]) => [table, f32Tensor('rope_freqs.weight', [values.length], values)];
    expect(await fieldsOfModel(wide, tensors(factors))).toMatchObject({
      rope_theta: theta,
      rope_scaling: {
        rope_type: 'llama3',
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
    });
    const others = factors.map((each, pair) => (pair === 20 ? each * 1.5 : each));
    expect((await failure(fieldsOfModel(wide, tensors(others)))).message).toMatch(
      /rope_freqs.weight is none of Llama 3/,
    );
    const named = await (await openCheckpoint(store(wide, tensors(factors)))).tensors();
    expect([...named.entries.keys()]).toEqual(['model.embed_tokens.weight']);
  });

  it("is gemma's with norms less one", async () => {
    const gemma = Object.fromEntries(
      Object.entries(base).map(([key, value]) => [key.replace('llama', 'gemma3'), value]),
    );
    const all = {
      ...gemma,
      'general.architecture': text('gemma3'),
      'gemma3.attention.key_length': uint32(4),
      'gemma3.attention.sliding_window': uint32(7),
      'gemma3.rope.freq_base': float32(1e6),
    };
    const norm = f32Tensor('blk.0.ffn_norm.weight', [8], [1, 1.5, 1, 1, 1, 1, 1, 0.5]);
    const checkpoint = await openCheckpoint(store(all, [table, norm]));
    expect((await checkpoint.config()).fields).toMatchObject({
      model_type: 'gemma3_text',
      head_dim: 4,
      sliding_window: 7,
      rope_theta: 1e6,
      rope_local_base_freq: 10_000,
    });
    const name = 'model.layers.0.pre_feedforward_layernorm.weight';
    expect(await readFloats(await checkpoint.tensors(), name)).toEqual(Float32Array.of(0, 0.5, 0, 0, 0, 0, 0, -0.5));
  });

  it.each<[string, Readonly<Record<string, Typed>>, RegExp]>([
    [
      'another architecture',
      { 'general.architecture': text('mamba') },
      /general.architecture is 'mamba', expected one of gemma3/,
    ],
    ['no architecture', { 'general.architecture': uint32(1) }, /'general.architecture' is 1, expected a text/],
    ['an adapter', { ...base, 'general.type': text('adapter') }, /the file holds a adapter, expected a model/],
    ['experts', { ...base, 'llama.expert_count': uint32(8) }, /a mixture of 8 experts/],
    [
      'heads by layer',
      { ...base, 'llama.attention.head_count': integers([2, 1]) },
      /head_count' is .*, expected a number/,
    ],
    [
      'heads that turn in part',
      { ...base, 'llama.rope.dimension_count': uint32(2) },
      /2 of the 4 dims of a head turn, expected all/,
    ],
  ])('is refused for %s', async (_, metadata, message) => {
    const error = await failure(fieldsOfModel(metadata));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });

  it('is refused for a key that is missing', async () => {
    const { 'llama.block_count': _, ...rest } = base;
    expect((await failure(fieldsOfModel(rest))).message).toMatch(
      /memory\/m.gguf: the key 'llama.block_count' is missing, expected a number\. Convert/,
    );
  });
});

describe('a GGUF file', () => {
  it('with any byte changed gives an error of ours, or a checkpoint', async () => {
    const small: Readonly<Record<string, Typed>> = {
      ...base,
      [key('model')]: text('gpt2'),
      [key('tokens')]: texts(['a', 'b', 'ab', '<s>']),
      [key('token_type')]: integers([1, 1, 1, 3]),
      [key('merges')]: texts(['a b']),
      [key('eos_token_id')]: uint32(3),
    };
    const whole = ggufBytes(small, [table]);
    for (let at = 0; at < whole.length - 160; at++) {
      const spoilt = whole.slice();
      spoilt[at] = (spoilt[at] as number) ^ 0x55;
      const checkpoint = await openCheckpoint(memoryStore({ 'm.gguf': spoilt }));
      const parts = [checkpoint.config(), checkpoint.tensors(), checkpoint.companionFiles(), loadTokenizer(checkpoint)];
      for (const result of await Promise.allSettled<unknown>(parts)) {
        if (result.status === 'rejected') expect([at, result.reason]).toEqual([at, expect.any(CheckpointError)]);
        else (result.value as Partial<Tokenizer>).dispose?.();
      }
    }
  });
});

describe('GGUF files in a folder', () => {
  it('are named where there are several, and found where there is one', async () => {
    const file = ggufBytes(base, [table]);
    const both = memoryStore({ 'm.q4.gguf': file, 'm.q8.gguf': file, 'README.md': '' });
    expect((await failure(openCheckpoint(both))).message).toMatch(
      /memory: there are 2 GGUF files, expected one: m.q4.gguf, m.q8.gguf. Name one of them: 'memory\/m.q4.gguf'/,
    );
    const withConfig = memoryStore({ 'm.q4.gguf': file, 'config.json': '{}' });
    expect((await failure((await openCheckpoint(withConfig)).tensors())).message).toMatch(
      /no pytorch_model.bin.index.json, found config.json, m.q4.gguf. Name the GGUF file that is meant: 'memory\/m.q4.gguf'/,
    );
    const folder = await mkdtemp(join(tmpdir(), 'distillm-'));
    try {
      await writeFile(join(folder, 'm.GGUF'), file);
      expect((await (await openCheckpoint(folder)).config()).fields).toMatchObject({ hidden_size: 8 });
      expect((await (await openCheckpoint(join(folder, 'm.GGUF'))).config()).fields).toMatchObject({ hidden_size: 8 });
      const gone = await failure(openCheckpoint(join(folder, 'n.gguf')));
      expect(gone.message).toMatch(/n.gguf: there is no checkpoint: there is no such file or folder/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('may be the parts of one model', async () => {
    const part = (number: number, tensors: Parameters<typeof ggufBytes>[1]) =>
      ggufBytes({ ...(number === 0 && base), 'split.no': uint32(number), 'split.count': uint32(2) }, tensors);
    const norm = f32Tensor('output_norm.weight', [8], Array(8).fill(2));
    const parts = memoryStore({ 'm-00001-of-00002.gguf': part(0, [table]), 'm-00002-of-00002.gguf': part(1, [norm]) });
    const tensors = await (await openCheckpoint(parts)).tensors();
    expect([...tensors.entries.keys()]).toEqual(['model.embed_tokens.weight', 'model.norm.weight']);
    expect(await readFloats(tensors, 'model.norm.weight')).toEqual(new Float32Array(8).fill(2));
    await parts.remove('m-00002-of-00002.gguf');
    expect((await failure((await openCheckpoint(parts)).tensors())).message).toMatch(/no file 'm-00002-of-00002.gguf'/);
  });
});

const merges = bytes.model.merges.map((merge: string | string[]) =>
  typeof merge === 'string' ? merge : merge.join(' '),
);
const vocab = Object.entries(bytes.model.vocab as Record<string, number>)
  .sort(([, a], [, b]) => a - b)
  .map(([token]) => token);
const end = vocab.length;
/** The vocabulary of the oracles, with special tokens behind it, one of them a filler. */
const byteLevel: Readonly<Record<string, Typed>> = {
  [key('model')]: text('gpt2'),
  [key('tokens')]: texts([...vocab, '<s>', '</s>', '[PAD7]', '<|end of turn|>', 'two  words']),
  [key('token_type')]: integers([...vocab.map(() => 1), 3, 3, 5, 3, 4]),
  [key('merges')]: texts(merges),
  [key('bos_token_id')]: uint32(end),
  [key('eos_token_id')]: uint32(end + 1),
  [key('eot_token_id')]: uint32(end + 3),
  [key('padding_token_id')]: uint32(end + 99),
  'tokenizer.chat_template': text('{% for m in messages %}'),
};
const nasty = [
  ...cases.plain.texts,
  'two  words</s> 12345 x\r\n\r\n  y<|end of turn|>[PAD7]',
  "IT'S we'Ve 3.14, \u00e9e\u0301",
];
const words =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const plain = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (Regex: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false },
    { ...plain, use_regex: false },
  ],
});

describe('the tokenizer of a GGUF file', () => {
  const load = (metadata: Readonly<Record<string, Typed>>) => loadTokenizer(store({ ...base, ...metadata }));

  it.each<[string, object, object | null]>([
    ['gpt-2', plain, null],
    ['smollm', { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, plain] }, null],
    ['dbrx', split(words), null],
    ['qwen2', split(words.replace('{1,3}', '')), { type: 'NFC' }],
  ])("cuts texts as '%s' says", async (pre, pre_tokenizer, normalizer) => {
    const tokenizer = await load({ ...byteLevel, [key('pre')]: text(pre) });
    const expected = createTokenizer({
      tokenizerJson: {
        ...bytes,
        added_tokens: [
          { id: end, content: '<s>', special: true },
          { id: end + 1, content: '</s>', special: true },
          { id: end + 3, content: '<|end of turn|>', special: true },
          { id: end + 4, content: 'two  words', special: false },
        ],
        normalizer,
        pre_tokenizer,
        post_processor: null,
        decoder: plain,
      },
    });
    for (const each of nasty) expect([each, tokenizer.encode(each)]).toEqual([each, expected.encode(each)]);
  });

  it('has its special tokens, its ends and its chat template, and a filler is no token', async () => {
    const tokenizer = await load({ ...byteLevel, [key('add_bos_token')]: flag(true) });
    expect(tokenizer).toMatchObject({ bosTokenId: end, eosTokenId: end + 1, eosTokenIds: [end + 1, end + 3] });
    expect(tokenizer.padTokenId).toBeUndefined();
    expect(tokenizer.vocabSize).toBe(end + 5);
    expect(tokenizer.idToToken(end + 2)).toBeUndefined();
    expect([...tokenizer.specialTokenIds].sort()).toEqual([end, end + 1, end + 3]);
    expect(tokenizer.encode('a</s>').at(0)).toBe(end);
    expect(tokenizer.encode('a</s>').at(-1)).toBe(end + 1);
    expect(JSON.parse(tokenizer.save()['tokenizer_config.json']!)).toMatchObject({
      chat_template: '{% for m in messages %}',
      bos_token: '<s>',
    });
    const files = await (await openCheckpoint(store({ ...base, ...byteLevel }))).companionFiles();
    expect(JSON.parse(new TextDecoder().decode(files.get('generation_config.json')))).toEqual({
      bos_token_id: end,
      eos_token_id: [end + 1, end + 3],
    });
  });

  it.each(['llama-bpe', 'tekken', 'default'])("'%s' is read", async (pre) => {
    const tokenizer = await load({ ...byteLevel, [key('pre')]: text(pre) });
    const before = pre === 'default' ? 0 : 1;
    for (const each of nasty) {
      const ids = tokenizer.encode(each);
      expect(ids[0] === end).toBe(before === 1);
      expect(tokenizer.decode(ids.slice(before))).toBe(each);
    }
  });

  it.each<[string, Readonly<Record<string, Typed>>, RegExp]>([
    ['another way to cut', { [key('pre')]: text('bloom') }, /tokenizer.ggml.pre is 'bloom', expected one of gpt-2, /],
    [
      'another model',
      { [key('model')]: text('bert') },
      /tokenizer.ggml.model is 'bert', expected one of gpt2, llama, t5/,
    ],
    [
      'fewer types than tokens',
      { [key('token_type')]: integers([1]) },
      /'tokenizer.ggml.token_type' has 1 entries, expected/,
    ],
    [
      'a token twice',
      { [key('tokens')]: texts(['a', 'a']), [key('token_type')]: integers([1, 1]) },
      /tokens 0 and 1 are both "a"/,
    ],
    [
      'tokens that are none',
      { [key('tokens')]: integers([1]) },
      /'tokenizer.ggml.tokens' is .*, expected a list of texts/,
    ],
  ])('is refused for %s', async (_, metadata, message) => {
    expect((await failure(load({ ...byteLevel, ...metadata }))).message).toMatch(message);
  });

  it('is not there in a file without one', async () => {
    expect(await (await openCheckpoint(store(base, [table]))).tokenizerFiles()).toBeUndefined();
    expect((await failure(loadTokenizer(store(base, [table])))).message).toMatch(
      /m.gguf: there is no tokenizer, expected the key tokenizer\.ggml\.model in the GGUF file\./,
    );
  });

  it.each([
    ['llama', 'bpe'],
    ['t5', 'unigram'],
  ])("of the kind '%s' is SentencePiece's", async (model, name) => {
    const file = await readFile(oracle(`pipelines/${name}.model`));
    const fields = [...fieldsOf(file, name)];
    const pieces = fields
      .filter(({ number }) => number === 1)
      .map(({ bytes: piece }) => {
        const [content, score, type] = [1, 2, 3].map((n) =>
          [...fieldsOf(piece, name)].find(({ number }) => number === n),
        );
        return {
          content: new TextDecoder('utf-8', { ignoreBOM: true }).decode(content?.bytes),
          score: score ? floatOf(score) : 0,
          type: type?.value ?? 1,
        };
      });
    const rules = [...fieldsOf(fields.find(({ number }) => number === 3)?.bytes ?? new Uint8Array(), name)];
    const charsmap = rules.find(({ number }) => number === 2)?.bytes ?? new Uint8Array();
    const rule = (number: number) => flag(rules.findLast((field) => field.number === number)?.value !== 0);
    const idOf = (content: string) => uint32(pieces.findIndex((piece) => piece.content === content));
    const expected: Tokenizer = createTokenizer({ sentencePiece: file });
    const tokenizer = await load({
      [key('model')]: text(model),
      [key('tokens')]: texts([...pieces.map(({ content }) => content), '[PAD]']),
      [key('scores')]: floats([...pieces.map(({ score }) => score), 0]),
      [key('token_type')]: integers([...pieces.map(({ type }) => type), 5]),
      [key('unknown_token_id')]: uint32(pieces.findIndex(({ type }) => type === 2)),
      [key('bos_token_id')]: idOf('<s>'),
      [key('eos_token_id')]: idOf('</s>'),
      [key('add_bos_token')]: flag(false),
      [key('add_eos_token')]: flag(false),
      [key('add_space_prefix')]: rule(3),
      [key('remove_extra_whitespaces')]: rule(4),
      ...(charsmap.length > 0 && { [key('precompiled_charsmap')]: { type: 0, list: [...charsmap] } }),
    });
    for (const each of nasty) expect([each, tokenizer.encode(each)]).toEqual([each, expected.encode(each)]);
    expect(tokenizer.eosTokenId).toBe(expected.eosTokenId);
  });
});

it('a model of a GGUF file is trained and kept as a Hugging Face folder, with its tokenizer, template and ends', async () => {
  const drawn = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i) / 4);
  const matrix = (name: string, shape: [number, number]) =>
    f32Tensor(`${name}.weight`, shape, drawn(shape[0] * shape[1]));
  const norm = (name: string) => f32Tensor(`${name}.weight`, [8], new Float32Array(8).fill(1));
  const block = {
    attn: ['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((part) => matrix(`blk.0.${part}`, [8, 8])),
    mlp: [matrix('blk.0.ffn_gate', [6, 8]), matrix('blk.0.ffn_up', [6, 8]), matrix('blk.0.ffn_down', [8, 6])],
    norms: ['blk.0.attn_norm', 'blk.0.ffn_norm', 'output_norm'].map(norm),
  };
  const tensors = [matrix('token_embd', [end + 5, 8]), ...block.attn, ...block.mlp, ...block.norms];
  const checkpoint = await openCheckpoint(store({ ...base, ...byteLevel, [key('pre')]: text('smollm') }, tensors));
  using tokenizer = await loadTokenizer(checkpoint);
  using model = await loadModel(checkpoint, { device, trainable: true });
  const ids = Int32Array.of(...tokenizer.encode('one two').slice(0, 10), end + 1);
  const run = memoryStore();
  for await (const _ of fineTune({
    model,
    tokenizer,
    data: { train: [{ ids, promptLength: 1 }] },
    steps: 1,
    batchSize: 1,
    checkpoint: run,
  }));
  const saved = run.folder('last');
  const files = [...saved.files.keys()].sort();
  expect(files).toEqual(
    expect.arrayContaining(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json']),
  );
  using again = await loadModel(saved, { device });
  for (const [name, parameter] of model.parameters) {
    expect([name, await again.parameters.get(name)?.read()]).toEqual([name, await parameter.read()]);
  }
  using kept = await loadTokenizer(saved);
  expect(kept.eosTokenIds).toEqual([end + 1, end + 3]);
  for (const each of nasty) expect([each, kept.encode(each)]).toEqual([each, tokenizer.encode(each)]);
  expect(JSON.parse(kept.save()['tokenizer_config.json']!)).toMatchObject({ chat_template: '{% for m in messages %}' });
});

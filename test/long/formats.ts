/**
 * The formats that are fuzzed: each with whole files to begin with, how they are spoilt, and how they are then read, as a
 * user of the package would. What is read is looked at: a file that is refused by an error of ours is one good end, and
 * what holds together is the other. Another format is another entry of the list.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Device } from '../../src/backend/backend.js';
import { openWasm } from '../../src/backend/wasm/index.js';
import { openCheckpoint } from '../../src/checkpoints/index.js';
import { createChatTemplate } from '../../src/data/chat/chatTemplate.js';
import { readInstructions } from '../../src/data/index.js';
import { readParallel } from '../../src/data/parallel/readParallel.js';
import { RecordCount } from '../../src/data/records.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { distillOptions } from '../../src/distill/settings.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { openCheckpoints } from '../../src/distill/trainer/checkpoint.js';
import { distill } from '../../src/distill/trainer/index.js';
import { makePlan } from '../../src/distill/trainer/plan.js';
import { startRun } from '../../src/distill/trainer/runState.js';
import { readRunLog } from '../../src/entries/report.js';
import { generate } from '../../src/generation/index.js';
import { type FileStore, memoryStore, readFloats, type TensorSource, writeSafetensors } from '../../src/io/index.js';
import { createModel, loadModel, saveModel } from '../../src/models/index.js';
import { checkOptions } from '../../src/settings/index.js';
import { loadTokenizer, type Tokenizer } from '../../src/text/index.js';
import { succession, tinyModel, tinyTokenizer, weightsOf } from '../distill/fixtures.js';
import { type Mutation, mutateBytes, mutateGzip, mutateJson, mutateJsonLines, mutateSafetensors } from './mutations.js';
import type { Random } from './random.js';

/** Files of a folder, by their names. */
export type Files = Readonly<Record<string, Uint8Array>>;

export interface Format {
  readonly name: string;
  /** As they are when nothing spoilt them. */
  readonly whole: readonly Files[];
  /** Spoils one of the files. */
  spoil(random: Random): Files;
  /** Reads them. @throws an error of ours for what it refuses, any other for what is wrong */
  read(files: Files, random: Random): Promise<void>;
}

/** Something was read that cannot be right. */
export class Wrong extends Error {}

const require = (holds: boolean, what: string) => {
  if (!holds) throw new Wrong(what);
};

const oracle = (path: string) => new URL(`../oracles/${path}`, import.meta.url);
const fileOf = (path: string): Uint8Array => new Uint8Array(readFileSync(oracle(path)));
const storeOf = (files: Files) => memoryStore(files as Record<string, Uint8Array>);
const encode = (text: string) => new TextEncoder().encode(text);
const bytesOf = (files: Readonly<Record<string, Uint8Array | string>>): Files =>
  Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name, typeof content === 'string' ? encode(content) : content]),
  );

/** One of the samples with one of the named files changed. */
const oneOf = (
  whole: readonly Files[],
  files: readonly string[],
  mutation: Mutation,
): Pick<Format, 'whole' | 'spoil'> => ({
  whole,
  spoil(random) {
    const sample = random.pick(whole);
    const name = random.pick(files.filter((each) => each in sample));
    return { ...sample, [name]: mutation(sample[name] as Uint8Array, random) };
  },
});

/** Sizes of models whose weights take little time to read: what a config says is what counts. */
const sizes: Readonly<Record<string, number>> = {
  ...{ vocab_size: 11, hidden_size: 8, n_embd: 8, intermediate_size: 8, ffn_dim: 8 },
  ...{ max_position_embeddings: 12, n_positions: 12, num_hidden_layers: 2 },
};

/** A model of a folder of the oracles, with the fields of its config and other sizes. */
async function smaller(device: Device, path: string): Promise<Files> {
  const fields = JSON.parse(new TextDecoder().decode(fileOf(`${path}/config.json`)));
  for (const [field, size] of Object.entries(sizes)) if (field in fields) fields[field] = size;
  // OPT has three heads, and in one of the models embeddings of another width.
  if ('word_embed_proj_dim' in fields) {
    Object.assign(fields, { hidden_size: 12, word_embed_proj_dim: fields.word_embed_proj_dim === 24 ? 12 : 7 });
  }
  using model = await createModel(fields, { device });
  const store = memoryStore();
  await saveModel(model, store);
  return { ...Object.fromEntries(store.files), 'config.json': encode(JSON.stringify(fields)) };
}

/** Every tensor has the values that its shape says. */
async function readTensors(source: TensorSource): Promise<void> {
  for (const [name, { shape, dtype }] of source.entries) {
    // Integers are no weights.
    if (/^([IU]\d+|BOOL|F64)$/.test(dtype)) continue;
    const values = await readFloats(source, name);
    const size = shape.reduce((product, extent) => product * extent, 1);
    require(values.length === size, `${name} has ${values.length} values, its shape says ${size}`);
  }
}

const probe = 'Hello,  wörld! 日本\n\u0000<s></s><|endoftext|> 123 don\u2019t \u{1f600}';

/** Its ids are those of its vocabulary, and it makes text of them. */
function tryTokenizer(tokenizer: Tokenizer): void {
  for (const text of ['', probe]) {
    const ids = tokenizer.encode(text);
    require(ids.every((id) => id >= 0 && id < tokenizer.vocabSize), `ids ${ids} of ${tokenizer.vocabSize}`);
    require(typeof tokenizer.decode(ids) === 'string', 'no text');
  }
}

const words = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox'];
const records = words
  .map((word, i) => `${JSON.stringify({ instruction: `Say ${word}.`, input: i % 2 ? word : '', output: word })}\n`)
  .join('');

const asked = [
  { role: 'user', content: 'Say ant.' },
  { role: 'assistant', content: 'ant' },
  { role: 'user', content: 'Again.' },
] as const;
const conversations = words
  .map((word) => `${JSON.stringify({ messages: [...asked, { role: 'assistant', content: `${word} ant` }] })}\n`)
  .join('');

/** A file of each form in which data sets are published. */
const published: readonly Files[] = [
  (word: string) => ({
    instruction: 'Say it.',
    instances: [
      { input: word, output: word },
      { input: '', output: 'none' },
    ],
  }),
  (word: string) => ({ Definition: ['Say it.'], Instances: [{ id: 'a', input: word, output: [word, 'none'] }] }),
  (word: string) => ({ dialogue: `A: ${word}?`, summary1: word, summary2: 'none' }),
  (word: string) => ({ translation: { en: word, de: `die ${word}` } }),
  (word: string) => ({ question_id: 1, turns: [word], reference: [word] }),
].map((recordOf) => ({ 'a.jsonl': encode(words.map((word) => `${JSON.stringify(recordOf(word))}\n`).join('')) }));

const setOf = (side: string) =>
  encode(
    [
      '<?xml version="1.0" encoding="UTF-8"?>\n<mteval>',
      `<${side} setid="own" srclang="english">\n<doc docid="7" genre="own">\n<title>Own &amp; short</title>`,
      ...words.map((word, at) => `<seg id="${at + 1}"> ${word} &lt;${at}&gt; </seg>`),
      `</doc>\n</${side}>\n</mteval>\n`,
    ].join('\n'),
  );
const translated: Files = { 'en.xml': setOf('srcset'), 'de.xml': setOf('refset') };

/** @returns the formats, and what frees what they hold */
export async function openFormats(): Promise<{ formats: readonly Format[]; dispose(): Promise<void> }> {
  const device = await openWasm({ threads: 1, arithmetic: 'plain' });
  const tiny = tinyTokenizer();
  const families = ['gpt2', 'llama/wide', 'mistral', 'qwen2', 'qwen3', 'opt/after', 'opt/before'];
  const models: Files[] = [];
  for (const family of families) {
    models.push({
      ...(await smaller(device, `${family}/model`)),
      'generation_config.json': encode('{"eos_token_id": [1, 2], "max_length": 20}'),
      'distillm.json': encode('{"promptTemplate": "alpaca"}'),
    });
  }
  const torch = readdirSync(oracle('torch')).filter((name) => /\.bin$/.test(name));
  const gguf = readdirSync(oracle('gguf')).filter((name) => /\.gguf$/.test(name));

  const bytes = (await loadTokenizer(storeOf({ 'tokenizer.json': fileOf('tokenizer/tokenizer.json') }))).save();
  const sentencePieces = ['bpe', 'unigram'].map((name) => ({ 'tokenizer.model': fileOf(`pipelines/${name}.model`) }));
  const tokenizers: Files[] = [bytesOf(bytes)];
  for (const files of sentencePieces) {
    using tokenizer = await loadTokenizer(storeOf(files));
    tokenizers.push(bytesOf(tokenizer.save()));
  }
  const texts: Files[] = tokenizers.map((files) => ({
    'tokenizer_config.json': encode('{"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": true}'),
    'special_tokens_map.json': encode('{"unk_token": "<unk>"}'),
    'generation_config.json': encode('{"eos_token_id": [0, 1]}'),
    ...files,
  }));

  const readTokenizer = async (files: Files) => {
    using tokenizer = await loadTokenizer(storeOf(files));
    tryTokenizer(tokenizer);
  };
  const readModel = async (files: Files) => {
    using model = await loadModel(storeOf(files), { device });
    const [ids] = await generate(model, [Int32Array.of(0, 1)], { maxNewTokens: 2, temperature: 0 });
    require(ids!.every((id) => id >= 0 && id < model.vocabSize), `ids ${ids} of ${model.vocabSize}`);
  };
  const readData = async (file: Blob, random: Random) =>
    readInstructions([file], {
      ...{ tokenizer: tiny, template: 'compact', maxLength: 60, maxPromptLength: 40 },
      skipInvalid: random.chance(0.5),
    });
  const inVocabulary = ({ train }: Awaited<ReturnType<typeof readData>>) =>
    require(train.every(({ ids }) =>
      ids.every((id) => id >= 0 && id < tiny.vocabSize),
    ), 'an id outside the vocabulary');
  const packed = new Uint8Array(gzipSync(records));
  const samples = await readData(new File([records], 'a.jsonl'), { chance: () => false } as never as Random);
  const digest = (data: Awaited<ReturnType<typeof readData>>) => data.train.map(({ ids }) => ids.join()).join('|');

  const chatFolders = readdirSync(oracle('chat/templates')).map((name) => ({
    'tokenizer.json': fileOf('chat/byteLevel.json'),
    'tokenizer_config.json': encode('{"bos_token": "<bos>", "eos_token": "<|im_end|>"}'),
    'chat_template.jinja': fileOf(`chat/templates/${name}`),
  }));
  const chatting = await loadTokenizer(storeOf(chatFolders.at(-4) as Files));
  const template = createChatTemplate(chatting);

  const shards = memoryStore();
  const part = async (file: string, name: string) =>
    writeSafetensors(shards, file, [
      { name, dtype: 'F32', shape: [2, 3], read: async () => new Float32Array(6).fill(1) },
    ]);
  await part('one.safetensors', 'a');
  await part('two.safetensors', 'b');
  const sharded: Files = {
    ...Object.fromEntries(shards.files),
    'model.safetensors.index.json': encode(
      '{"metadata": {"total_size": 48}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}',
    ),
  };
  const base = memoryStore();
  const adapted = memoryStore();
  {
    using whole = await tinyModel(device);
    await saveModel(whole, base);
    using model = await loadModel(base, { device, lora: { rank: 2, modulesToSave: ['ln_f'] } });
    await saveModel(model, adapted);
  }
  const adapter: Files = {
    'adapter_config.json': await adapted.read('adapter_config.json'),
    'adapter_model.safetensors': await adapted.read('adapter_model.safetensors'),
  };
  const log = ['start', 'step', 'validation']
    .map((type) =>
      JSON.stringify({
        ...{ time: '2026-01-01', type, step: 1, totalSteps: 2, trainedParameters: 3, source: 'data', loss: 1 },
        ...{ gradNorm: 1, lr: 1, phi: 0, tokens: 2, stepMs: 3, rougeL: 1, exactMatch: null },
      }),
    )
    .join('\n');
  const states = await stateFormat(device);

  const formats: Format[] = [
    {
      name: 'safetensors',
      ...oneOf([...models, await oneTensor('a')], ['model.safetensors'], mutateSafetensors),
      read: async (files) => readTensors(await (await openCheckpoint(storeOf(files))).tensors()),
    },
    {
      name: 'shards',
      ...oneOf([sharded], ['model.safetensors.index.json'], mutateJson),
      read: async (files) => readTensors(await (await openCheckpoint(storeOf(files))).tensors()),
    },
    {
      name: 'gguf',
      ...oneOf(
        gguf.map((name) => ({ 'm.gguf': fileOf(`gguf/${name}`) })),
        ['m.gguf'],
        mutateStart,
      ),
      async read(files) {
        const checkpoint = await openCheckpoint(storeOf(files));
        await readTensors(await checkpoint.tensors());
        await checkpoint.config();
        await checkpoint.tokenizerFiles();
      },
    },
    {
      name: 'torch',
      ...oneOf(
        torch.map((name) => ({ 'pytorch_model.bin': fileOf(`torch/${name}`) })),
        ['pytorch_model.bin'],
        mutateBytes,
      ),
      read: async (files) => readTensors(await (await openCheckpoint(storeOf(files))).tensors()),
    },
    { name: 'tokenizer.json', ...oneOf(tokenizers, ['tokenizer.json'], mutateJson), read: readTokenizer },
    { name: 'sentencepiece', ...oneOf(sentencePieces, ['tokenizer.model'], mutateBytes), read: readTokenizer },
    {
      name: 'tokenizer texts',
      ...oneOf(
        texts,
        ['tokenizer_config.json', 'special_tokens_map.json', 'generation_config.json', 'vocab.json', 'merges.txt'],
        mutateJson,
      ),
      read: readTokenizer,
    },
    {
      name: 'config',
      ...oneOf(models, ['config.json', 'config.json', 'generation_config.json', 'distillm.json'], mutateJson),
      read: readModel,
    },
    {
      name: 'jsonl',
      ...oneOf([{ 'a.jsonl': encode(records) }], ['a.jsonl'], mutateJsonLines),
      read: async (files, random) =>
        inVocabulary(await readData(new File([files['a.jsonl'] as never], 'a.jsonl'), random)),
    },
    {
      name: 'json array',
      ...oneOf(
        [{ 'a.json': encode(`[${records.trim().split('\n').join(',\n')}]\n`) }],
        ['a.json'],
        (content, random) => (random.chance(0.5) ? mutateJson(content, random) : mutateBytes(content, random)),
      ),
      read: async (files, random) =>
        inVocabulary(await readData(new File([files['a.json'] as never], 'a.json'), random)),
    },
    {
      name: 'published records',
      ...oneOf(published, ['a.jsonl'], mutateJsonLines),
      async read(files, random) {
        const file = new File([files['a.jsonl'] as never], 'a.jsonl');
        inVocabulary(await readData(file, random));
      },
    },
    {
      name: 'translated sets',
      ...oneOf([translated], ['en.xml', 'de.xml'], mutateBytes),
      async read(files, random) {
        const [source, target] = ['en.xml', 'de.xml'].map((name) => new File([files[name] as never], name));
        const count = new RecordCount(random.chance(0.5));
        const pair = { source: source as File, target: target as File, languages: { from: 'en', to: 'de' } };
        for await (const { input, outputs } of readParallel(pair, (question) => question, count)) {
          require(input !== '' && outputs.length === 1 && outputs[0] !== '', 'a pair with nothing on one side');
        }
        count.end();
      },
    },
    {
      name: 'conversations',
      ...oneOf([{ 'a.jsonl': encode(conversations) }], ['a.jsonl'], mutateJsonLines),
      async read(files, random) {
        const { train } = await readInstructions([new File([files['a.jsonl'] as never], 'a.jsonl')], {
          ...{ tokenizer: chatting, template, maxLength: 120, maxPromptLength: 90 },
          skipInvalid: random.chance(0.5),
        });
        for (const { ids, promptLength, lossMask } of train) {
          require(ids.every((id) => id >= 0 && id < chatting.vocabSize), 'an id outside the vocabulary');
          require(promptLength <= 90 && ids.length <= 120, `a sample of ${promptLength} and ${ids.length} tokens`);
          require(lossMask === undefined || lossMask.length === ids.length, 'a mask of another length');
        }
      },
    },
    {
      name: 'chat template',
      ...oneOf(chatFolders, ['chat_template.jinja'], mutateBytes),
      async read(files) {
        using tokenizer = await loadTokenizer(storeOf(files));
        const spoilt = createChatTemplate(tokenizer);
        const { text, answers = [] } = spoilt.renderChat(asked, { addGenerationPrompt: true });
        require(typeof text === 'string', 'no text');
        require(answers.every(([start, end]) => start <= end && end <= text.length), `answers at ${answers}`);
      },
    },
    {
      name: 'gzip',
      ...oneOf([{ 'a.jsonl.gz': packed }], ['a.jsonl.gz'], mutateGzip(mutateJsonLines)),
      read: async (files, random) =>
        inVocabulary(await readData(new File([files['a.jsonl.gz'] as never], 'a.jsonl.gz'), random)),
    },
    {
      // The archive has a checksum: what is read of a damaged one is what was packed.
      name: 'gzip bytes',
      ...oneOf([{ 'a.jsonl.gz': packed }], ['a.jsonl.gz'], mutateBytes),
      async read(files, random) {
        const data = await readData(new File([files['a.jsonl.gz'] as never], 'a.jsonl.gz'), random);
        require(digest(data) === digest(samples), 'other records than were packed');
      },
    },
    {
      name: 'adapter',
      ...oneOf([adapter], ['adapter_config.json', 'adapter_model.safetensors'], (content, random) =>
        content[0] === 0x7b ? mutateJson(content, random) : mutateSafetensors(content, random),
      ),
      async read(files) {
        const found = await (await openCheckpoint(storeOf(files), { base })).adapter();
        if (found) await readTensors(await found.tensors());
        for (const trainable of [false, true]) {
          using model = await loadModel(storeOf(files), { device, base, trainable });
          const [ids] = await generate(model, [Int32Array.of(0, 1)], { maxNewTokens: 2, temperature: 0 });
          require(ids!.every((id) => id >= 0 && id < model.vocabSize), `ids  of `);
        }
      },
    },
    {
      name: 'log',
      ...oneOf([{ log: encode(`${log}\n`) }], ['log'], mutateJsonLines),
      read: async ({ log: content }) => void readRunLog(new TextDecoder().decode(content), 'log.jsonl'),
    },
    states,
  ];
  const dispose = () => {
    chatting.dispose();
    return device.dispose();
  };
  return { formats, dispose };
}

/** Changes near the beginning, where the header is, as often as anywhere. */
const mutateStart: Mutation = (content, random) => {
  const length = random.chance(0.5) ? Math.min(content.length, 2048) : content.length;
  const changed = mutateBytes(content.subarray(0, length), random);
  return new Uint8Array(Buffer.concat([changed, content.subarray(length)]));
};

async function oneTensor(name: string): Promise<Files> {
  const store = memoryStore();
  await writeSafetensors(store, 'model.safetensors', [
    { name, dtype: 'F32', shape: [2, 3], read: async () => new Float32Array(6).fill(1) },
  ]);
  return Object.fromEntries(store.files);
}

const manifest = 'distillm-state.json';

/**
 * The newest state of a run that is resumed. Some changes are signed: the manifest says that they were written so, and
 * the reading goes on behind the digests.
 */
async function stateFormat(device: Awaited<ReturnType<typeof openWasm>>): Promise<Format> {
  const tokenizer = tinyTokenizer();
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device);
  const settings = {
    ...{ loss: skewKL(), batchSize: 5, maxNewTokens: 4, steps: 12, optimizer: { lr: 1e-2 }, validation: { every: 4 } },
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 9, lossEps: 0 }),
  };
  const objects = { data: { train: succession(2), validation: succession(3) }, tokenizer, teacher, student };
  const store = memoryStore();
  for await (const event of distill({ ...objects, ...settings, checkpoint: store }))
    if (event.type === 'step' && event.step === 9) break;
  const whole: Files = Object.fromEntries([...store.files].filter(([path]) => path.startsWith('state-')));
  const weights = new Map<number, string>();
  for (const step of [4, 8]) {
    const state = storeOf(
      Object.fromEntries(
        Object.entries(whole).flatMap(([path, content]) => {
          const prefix = `state-00000${step}/`;
          return path.startsWith(prefix) ? [[path.slice(prefix.length), content]] : [];
        }),
      ),
    );
    using model = await loadModel(state, { device });
    weights.set(step, (await weightsOf(model)).join());
  }
  // What a run does with its states before its first event; the rest of its beginning reads none.
  const options = checkOptions('training', distillOptions, settings);
  const goOn = async (checkpoint: FileStore) => {
    const checkpoints = openCheckpoints(plan, checkpoint);
    try {
      await checkpoints.open();
      const run = await startRun(plan, checkpoints);
      try {
        const { remarks } = await checkpoints.mend(run);
        return { step: run.step, remarks: [...run.remarks, ...remarks] };
      } finally {
        run.dispose();
      }
    } finally {
      await checkpoints.close();
    }
  };
  const plan = makePlan({ ...objects, resume: true }, options);
  const inNewest = Object.keys(whole).filter((path) => path.startsWith('state-000008/'));
  return {
    name: 'state',
    whole: [whole],
    spoil(random) {
      const path = random.pick(inNewest);
      const name = path.slice('state-000008/'.length);
      const mutation = /\.json$/.test(name)
        ? mutateJson
        : /\.safetensors$/.test(name)
          ? mutateSafetensors
          : mutateBytes;
      const files: Record<string, Uint8Array> = { ...whole, [path]: mutation(whole[path] as Uint8Array, random) };
      if (name === manifest || random.chance(0.4)) return files;
      const listed = JSON.parse(new TextDecoder().decode(files[`state-000008/${manifest}`]));
      const content = files[path] as Uint8Array;
      listed.files[name] = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
      files[`state-000008/${manifest}`] = encode(JSON.stringify(listed));
      return files;
    },
    async read(files) {
      const changed = inNewest.filter((path) => !Buffer.from(files[path]!).equals(Buffer.from(whole[path]!)));
      const { step, remarks } = await goOn(storeOf(files));
      const found = (await weightsOf(student)).map(Math.fround);
      require(found.every(Number.isFinite), 'weights that are not finite');
      require(step === 8 || step === 4, `it goes on after step ${step}`);
      if (step === 4) {
        require(remarks.some((remark) => remark.includes('state-000008')), 'nobody hears of the damage');
        require(found.join() === weights.get(4), 'not the weights of step 4');
      }
      // What the manifest does not know is not read.
      const isSigned = changed.includes(`state-000008/${manifest}`);
      if (step === 8 && !isSigned) require(changed.length === 0, `${changed} was changed, and nobody noticed`);
    },
  };
}

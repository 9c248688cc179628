/**
 * A Hugging Face folder: config.json; model.safetensors, or its shards and their index, else pytorch_model.bin or the shards
 * of that; the files of the tokenizer; and
 * beside them distillm.json, which names the prompt template (Hugging Face's tools ignore it). A folder of PEFT has
 * adapter_config.json and adapter_model.safetensors; its config and tensors are those of the base that it names.
 */
import { CheckpointError } from '../errors.js';
import { inWords, quotedPath } from '../inWords.js';
import type { FileStore } from '../io/fileStore.js';
import { readJson, readSmall } from '../io/json.js';
import { once } from '../io/once.js';
import { openSafetensors } from '../io/safetensors.js';
import { openShards } from '../io/shards.js';
import type { TensorSource } from '../io/tensorSource.js';
import { openTorch } from '../io/torch/index.js';
import {
  type Checkpoint,
  type CheckpointAdapter,
  type CheckpointConfig,
  type CheckpointKind,
  contentsOf,
  type OpenBase,
} from './checkpoint.js';
import { inheritedOf } from './inheritedFiles.js';

const configFile = 'config.json';
const weights = 'model.safetensors';
const weightsIndex = 'model.safetensors.index.json';
const torchWeights = 'pytorch_model.bin';
const torchIndex = 'pytorch_model.bin.index.json';
export const adapterConfig = 'adapter_config.json';
export const adapterWeights = 'adapter_model.safetensors';
const generationConfig = 'generation_config.json';
export const templateFile = 'distillm.json';
/** What a state of a training run has beside the model: the digests of its files. */
export const manifestFile = 'distillm-state.json';
/** A folder with one of these has a tokenizer. */
const vocabularies = ['tokenizer.json', 'vocab.json'];
/** SentencePiece's, which count where there is none of those. */
const sentencePieceModels = ['tokenizer.model', 'spiece.model', 'sentencepiece.bpe.model'];
const chatTemplate = 'chat_template.jinja';
/** What else a tokenizer is made from. The last two hold ids of special tokens. */
const tokenizerExtras = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  chatTemplate,
  generationConfig,
  configFile,
];

const marks = [
  configFile,
  weights,
  weightsIndex,
  torchWeights,
  torchIndex,
  adapterConfig,
  ...vocabularies,
  ...sentencePieceModels,
];

export const huggingFace: CheckpointKind = {
  looksLike: `a Hugging Face folder (${marks.join(', ')})`,
  async isIn(store) {
    for (const file of marks) if (await store.exists(file)) return true;
    return false;
  },
  open(store, openBase): Checkpoint {
    const adapter = once(() => readAdapter(store, openBase));
    /** What the folder itself has, unless it holds an adapter: that has the parts of its base. */
    const ofBase = async <T>(own: () => Promise<T>, part: (base: Checkpoint) => Promise<T>): Promise<T> => {
      const found = await adapter();
      return found ? part(await found.base()) : own();
    };
    const companionsOf = (asks: boolean) =>
      once(async () => {
        const own = await readCompanions(store, asks ? wellKnown : []);
        return ofBase(
          async () => own,
          async (base) => new Map([...(await base.companionFiles(asks)), ...own]),
        );
      });
    const [companions, listed] = [companionsOf(true), companionsOf(false)];
    return {
      name: store.name,
      storedAs: 'a Hugging Face folder',
      tokenizerLooksLike: 'tokenizer.json, or vocab.json and merges.txt, or tokenizer.model',
      adapter,
      config: once(() =>
        ofBase(
          () => readConfig(store),
          (base) => base.config(),
        ),
      ),
      tensors: once(() =>
        ofBase(
          () => openTensors(store),
          (base) => base.tensors(),
        ),
      ),
      tokenizerFiles: once(
        async () =>
          (await readTokenizerFiles(store)) ??
          ofBase(
            async () => undefined,
            (base) => base.tokenizerFiles(),
          ),
      ),
      companionFiles: (asks = true) => (asks ? companions() : listed()),
      inheritedFiles: async () => inheritedOf(await companions()),
      promptTemplate: once(
        async () =>
          (await readTemplate(store)) ??
          ofBase(
            async () => undefined,
            (base) => base.promptTemplate(),
          ),
      ),
    };
  },
};

async function readConfig(store: FileStore): Promise<CheckpointConfig> {
  if (await store.exists(configFile)) {
    return { name: `${store.name}/${configFile}`, fields: await readJson(store, configFile) };
  }
  throw await incomplete(store, [configFile]);
}

async function openTensors(store: FileStore): Promise<TensorSource> {
  if (await store.exists(weights)) return openSafetensors(store, weights);
  if (await store.exists(weightsIndex)) return openShards(store, weightsIndex, '.safetensors', openSafetensors);
  if (await store.exists(torchWeights)) return openTorch(store, torchWeights);
  if (await store.exists(torchIndex)) return openShards(store, torchIndex, '.bin', openTorch);
  throw await incomplete(store, [weights, weightsIndex, torchWeights, torchIndex]);
}

async function incomplete(store: FileStore, expected: readonly string[]): Promise<CheckpointError> {
  const found = await contentsOf(store);
  const [file] = /[^\s,]+\.gguf\b/i.exec(found) ?? [];
  const advice = file
    ? `Name the GGUF file that is meant: ${quotedPath(`${store.name}/${file}`)}.`
    : 'Check the name of the folder, and that it is complete.';
  return new CheckpointError(`${store.name}: there is no ${expected.join(' and no ')}, ${found}. ${advice}`, {
    expected,
    found,
  });
}

async function readTokenizerFiles(store: FileStore): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  const files = new Map<string, Uint8Array>();
  const read = async (names: readonly string[]) => {
    for (const name of names) if (await store.exists(name)) files.set(name, await readSmall(store, name));
  };
  // What is not needed is not asked for: a web server's 404 is an error line in the console of a page.
  for (const name of vocabularies) if (files.size === 0) await read([name]);
  if (files.has('vocab.json')) await read(['merges.txt']);
  if (files.size === 0) await read(sentencePieceModels);
  if (files.size === 0) return undefined;
  await read(tokenizerExtras);
  return files;
}

/** Weights of any framework, their indices, and the state of a training run. */
const isWeights = (name: string) =>
  /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|ot|onnx|onnx_data|gguf|npz|tflite|mlmodel|zip|gz|tar)$/i.test(name) ||
  /\.index\.json$/i.test(name);
/** What saving writes anew: the config, the template, and the tokenizer, in whatever files it was. */
const madeAnew = new Set([
  ...vocabularies,
  ...sentencePieceModels,
  'merges.txt',
  ...tokenizerExtras.filter((name) => name !== generationConfig && name !== chatTemplate),
  ...[templateFile, manifestFile, adapterConfig, 'added_tokens.json', 'vocab.txt'],
]);
/** Bytes. Companions are kept in memory with their model. */
const largestCompanion = 2 ** 22;
/** What is looked for in a store that cannot list its files. */
const wellKnown = [generationConfig, chatTemplate, 'LICENSE'];

async function readCompanions(store: FileStore, unlisted: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = await store.list().then(
    ({ files }) => files,
    () => unlisted,
  );
  const files = new Map<string, Uint8Array>();
  for (const name of [...names].sort()) {
    if (isWeights(name) || madeAnew.has(name) || !(await store.exists(name))) continue;
    if ((await store.size(name)) <= largestCompanion) files.set(name, await store.read(name));
  }
  return files;
}

async function readTemplate(store: FileStore): Promise<string | undefined> {
  if (!(await store.exists(templateFile))) return undefined;
  const { promptTemplate } = await readJson(store, templateFile);
  if (promptTemplate === undefined || typeof promptTemplate === 'string') return promptTemplate;
  throw new CheckpointError(
    `${store.name}/${templateFile}: promptTemplate is ${inWords(promptTemplate)}, expected a name. Remove it.`,
    { found: promptTemplate },
  );
}

async function readAdapter(store: FileStore, openBase: OpenBase): Promise<CheckpointAdapter | undefined> {
  if (!(await store.exists(adapterConfig))) return undefined;
  const name = `${store.name}/${adapterConfig}`;
  const fields = await readJson(store, adapterConfig);
  return {
    name,
    fields,
    base: once(() => openBase(name, fields)),
    tensors: once(async () => {
      if (await store.exists(adapterWeights)) return openSafetensors(store, adapterWeights);
      throw await incomplete(store, [adapterWeights]);
    }),
  };
}

/**
 * What a checkpoint holds, as plain data, without a weight being read: of which model, how its tensors are stored, what its
 * tokenizer does. The model is made on a meta device, so that what is told is what loading it would give.
 */
import { type Device, deviceOption } from '../backend/backend.js';
import { type Checkpoint, type CheckpointSource, checkpointOption, openCheckpoint } from '../checkpoints/index.js';
import { CompatibilityError, DistillmError } from '../errors.js';
import { parseJson } from '../io/json.js';
import { type OpenOptions, openOptions } from '../platform/openFolder.js';
import { checkOption, checkOptions, type Fields } from '../settings/index.js';
import { sizeOf } from '../tensor/index.js';
import { loadTokenizer, type Tokenizer } from '../text/index.js';
import { checkTokenizer } from './checkTokenizer.js';
import { configure } from './config.js';
import { loadModel } from './loadModel.js';
import { readStoredAdapter } from './lora/peftFile.js';
import { numParameters } from './numParameters.js';
import { findFamily } from './registry.js';
import { headName } from './tiedHead.js';

/** What `inspectCheckpoint` works with. */
export interface InspectOptions extends OpenOptions {
  /** Whose kind of device the model is tried on. Nothing is held on it. */
  readonly device: Device;
}

/** A part that is not there, or that cannot be read. */
export interface MissingPart {
  /** Why. */
  readonly missing: string;
}

/** What a model is. */
export interface ModelFacts {
  /** `model_type` of config.json. */
  readonly family: string;
  /** The class of transformers, where the config names one. */
  readonly architecture: string | undefined;
  /** Weights, tied ones once. */
  readonly parameters: number;
  /** Blocks of the decoder. */
  readonly numLayers: number;
  /** Blocks of the encoder; absent for decoder-only models. */
  readonly numEncoderLayers?: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Width of the logits. */
  readonly vocabSize: number;
  /** Longest sequence in tokens; absent where positions are relative, so that any length can be read. */
  readonly maxPositions?: number;
  /** Whether the LM head is the token embedding. */
  readonly tiedHead: boolean;
}

/** The tensors of one dtype. */
export interface StoredFacts {
  /** As the file calls it: "BF16", "Q4_K". */
  readonly dtype: string;
  /** How many there are. */
  readonly tensors: number;
  /** What they take in the file. */
  readonly bytes: number;
}

/** A token that is no part of texts. */
export interface SpecialToken {
  /** Its id. */
  readonly id: number;
  /** As it is spelt. */
  readonly token: string;
  /** Which it is, where it has a role: 'bos', 'eos' (each at which a model stops), 'pad'. */
  readonly roles: readonly ('bos' | 'eos' | 'pad')[];
}

/** What a tokenizer is. */
export interface TokenizerFacts {
  /** Highest token id + 1. */
  readonly vocabSize: number;
  /** By their ids. */
  readonly specialTokens: readonly SpecialToken[];
  /** What `encode` puts around a text, as texts: ["<s>"]. */
  readonly around: readonly string[];
  /** Why the model cannot be used with it, as `checkTokenizer` says; absent where it can, or where there is no model. */
  readonly mismatch?: string;
}

/** What a stored adapter is. */
export interface LoraFacts {
  /** The model that it was trained on, for people. */
  readonly base: string;
  /** Features between the two matrices of an adapter, where no field says otherwise of a part. */
  readonly rank: number;
  /** What an adapter adds is multiplied by alpha / rank, or by alpha / sqrt(rank) with rsLora. */
  readonly alpha: number;
  /** While it is trained. */
  readonly dropout: number;
  /** See alpha. */
  readonly rsLora: boolean;
  /** Linear parts that have an adapter. */
  readonly adapted: number;
  /** Weights of the adapter, with parts that were trained as a whole. */
  readonly parameters: number;
}

/** What a checkpoint holds. */
export interface CheckpointFacts {
  /** The source, for people. */
  readonly name: string;
  /** What stores it: 'a Hugging Face folder', 'a GGUF file'. */
  readonly storedAs: string;
  /** The model, or why it cannot be loaded. */
  readonly model: ModelFacts | MissingPart;
  /** Of a folder that holds an adapter, whose base the rest tells of; absent where there is none. */
  readonly adapter?: LoraFacts | MissingPart;
  /** How its tensors are stored, the most bytes first; none where there are no tensors. */
  readonly stored: readonly StoredFacts[];
  /** The tokenizer, or why there is none. */
  readonly tokenizer: TokenizerFacts | MissingPart;
  /** The Jinja template by which conversations become texts. */
  readonly chatTemplate: string | undefined;
  /** Name of the prompt template that the model was trained with. */
  readonly promptTemplate: string | undefined;
  /** Small files that a trained model keeps. */
  readonly companionFiles: readonly string[];
}

const options = openOptions.extend({ device: deviceOption } satisfies Pick<Fields<InspectOptions>, 'device'>);

/**
 * Tells what a checkpoint holds. No weight is read, but for the head of a file that its config says is tied.
 * @param source as in `openCheckpoint`
 * @example
 * const { model, tokenizer } = await inspectCheckpoint('hf:HuggingFaceTB/SmolLM2-135M', { device });
 * @throws OptionError; CheckpointError where there is no checkpoint at all
 */
export async function inspectCheckpoint(source: CheckpointSource, given: InspectOptions): Promise<CheckpointFacts> {
  checkOption('inspectCheckpoint', 'source', source, checkpointOption);
  const { device, ...opening } = checkOptions('inspectCheckpoint', options, given);
  const checkpoint = await openCheckpoint(source, opening);
  const model = await orMissing(() => modelFacts(checkpoint, device));
  const adapter = await orMissing(() => adapterFacts(checkpoint));
  const tokenizer = await orMissing(() => tokenizerFacts(checkpoint, model));
  return {
    name: checkpoint.name,
    storedAs: checkpoint.storedAs,
    model,
    ...(adapter && { adapter }),
    stored: await storedFacts(checkpoint),
    tokenizer,
    chatTemplate: await chatTemplateOf(checkpoint),
    promptTemplate: await checkpoint.promptTemplate(),
    companionFiles: [...(await checkpoint.companionFiles()).keys()],
  };
}

/** What is wrong with one part says nothing of the others. */
async function orMissing<T>(read: () => Promise<T>): Promise<T | MissingPart> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DistillmError)) throw error;
    return { missing: error.message };
  }
}

async function modelFacts(checkpoint: Checkpoint, device: Device): Promise<ModelFacts> {
  using model = await loadModel(checkpoint, { device: device.meta() });
  const { architectures } = model.config;
  const architecture = Array.isArray(architectures) ? architectures[0] : undefined;
  const { family, numLayers, numEncoderLayers, hiddenSize, vocabSize, maxPositions } = model;
  return {
    family,
    architecture: typeof architecture === 'string' ? architecture : undefined,
    parameters: numParameters(model),
    ...{ numLayers, hiddenSize, vocabSize },
    ...(numEncoderLayers !== undefined && { numEncoderLayers }),
    ...(Number.isFinite(maxPositions) && { maxPositions }),
    tiedHead: !model.weights.has(headName),
  };
}

async function adapterFacts(checkpoint: Checkpoint): Promise<LoraFacts | undefined> {
  const stored = await checkpoint.adapter();
  if (!stored) return undefined;
  const { name, fields } = await checkpoint.config();
  const ofBase = configure(findFamily(fields.model_type, name), fields, name);
  const { config, matrices, tensors } = await readStoredAdapter(stored, ofBase);
  const sizes = [...tensors.entries.values()].map(({ shape }) => sizeOf(shape));
  return {
    base: (await stored.base()).name,
    ...{ rank: config.r, alpha: config.lora_alpha, dropout: config.lora_dropout, rsLora: config.use_rslora },
    adapted: matrices.size,
    parameters: sizes.reduce((total, size) => total + size, 0),
  };
}

async function storedFacts(checkpoint: Checkpoint): Promise<readonly StoredFacts[]> {
  const tensors = await orMissing(() => checkpoint.tensors());
  if ('missing' in tensors) return [];
  const byDType = new Map<string, StoredFacts>();
  for (const { dtype, byteLength } of tensors.entries.values()) {
    const { tensors: count, bytes } = byDType.get(dtype) ?? { tensors: 0, bytes: 0 };
    byDType.set(dtype, { dtype, tensors: count + 1, bytes: bytes + byteLength });
  }
  return [...byDType.values()].sort((a, b) => b.bytes - a.bytes);
}

async function tokenizerFacts(checkpoint: Checkpoint, model: ModelFacts | MissingPart): Promise<TokenizerFacts> {
  using tokenizer = await loadTokenizer(checkpoint);
  const spelt = (id: number) => tokenizer.idToToken(id) ?? '';
  const special = new Set([...tokenizer.specialTokenIds, ...rolesOf(tokenizer).keys()]);
  return {
    vocabSize: tokenizer.vocabSize,
    specialTokens: [...special]
      .sort((a, b) => a - b)
      .map((id) => ({ id, token: spelt(id), roles: rolesOf(tokenizer).get(id) ?? [] })),
    around: Array.from(tokenizer.encode(''), spelt),
    ...('vocabSize' in model && mismatchOf(tokenizer, model)),
  };
}

function mismatchOf(tokenizer: Tokenizer, model: ModelFacts): Pick<TokenizerFacts, 'mismatch'> {
  try {
    checkTokenizer(tokenizer, model);
    return {};
  } catch (error) {
    if (!(error instanceof CompatibilityError)) throw error;
    return { mismatch: error.message };
  }
}

function rolesOf({ bosTokenId, eosTokenIds, padTokenId }: Tokenizer): ReadonlyMap<number, SpecialToken['roles']> {
  const roles = new Map<number, SpecialToken['roles']>();
  const add = (id: number | undefined, role: 'bos' | 'eos' | 'pad') => {
    if (id !== undefined) roles.set(id, [...(roles.get(id) ?? []), role]);
  };
  add(bosTokenId, 'bos');
  for (const id of eosTokenIds) add(id, 'eos');
  add(padTokenId, 'pad');
  return roles;
}

const templateFile = 'chat_template.jinja';

/** A file of its own comes before what tokenizer_config.json has. */
async function chatTemplateOf(checkpoint: Checkpoint): Promise<string | undefined> {
  const file = (await checkpoint.companionFiles()).get(templateFile);
  if (file) return new TextDecoder().decode(file);
  const files = await orMissing(async () => (await checkpoint.tokenizerFiles()) ?? new Map<string, Uint8Array>());
  const config = 'missing' in files ? undefined : files.get('tokenizer_config.json');
  if (!config) return undefined;
  const read = async () => parseJson(new TextDecoder().decode(config), 'tokenizer_config.json');
  const template: unknown = Object(await orMissing(read)).chat_template;
  if (!Array.isArray(template)) return typeof template === 'string' ? template : undefined;
  const named: unknown = Object(template.find((each) => Object(each).name === 'default')).template;
  return typeof named === 'string' ? named : undefined;
}

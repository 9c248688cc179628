/** How commands find models, tokenizers and lengths from folders and flags. */
import { basename, dirname } from 'node:path';
import { weightFormats } from '../entries/tensor.js';
import {
  type Checkpoint,
  CheckpointError,
  type CreateOptions,
  checkTokenizer,
  createModel,
  DataError,
  type Device,
  encodePrompt,
  type LanguageModel,
  LimitError,
  type LoraOptions,
  loadModel,
  loadTokenizer,
  OptionError,
  openCheckpoint,
  openFolder,
  type PromptTemplate,
  planGeneration,
  promptTemplates,
  readJson,
  requireMemory,
  type Tokenizer,
  type WeightFormat,
} from '../index.js';
import { noTokenizer } from '../text/noTokenizer.js';
import { counted } from './format.js';
import { choice, given, optional } from './options.js';
import { downloadProgress, progressLine } from './progress.js';
import type { Terminal } from './terminal.js';

/** For a model that is not trained. */
export const dtypeOption = optional(
  '<dtype>',
  choice(weightFormats),
  'how its matrices are held: f32, f16 (half the memory), int8 (a quarter) or int4 (a seventh) (default: f32)',
);

/** What names a model, for the help. */
export const sourceWords = 'a Hugging Face folder, a GGUF file, hf:organisation/name[@revision], or a URL';

/** A checkpoint; people see how far its download is. @param base of an adapter, where it is not the one that it names */
export const openSource = (source: string, terminal: Terminal, base?: string): Promise<Checkpoint> =>
  openCheckpoint(source, { base, onProgress: downloadProgress(progressLine(terminal)) });

/**
 * The checkpoint of a model.
 * @param flag the option that names it: '--model'
 * @param base of an adapter, where it is not the one that it names
 * @throws CheckpointError when it holds no model, before a device is opened
 */
export const openModelFolder = (flag: string, source: string, terminal: Terminal, base?: string): Promise<Checkpoint> =>
  naming(flag, source, async () => {
    const checkpoint = await openSource(source, terminal, base);
    await checkpoint.config();
    return checkpoint;
  });

/** Says of a source that cannot be opened which option names it: a command may have several. */
async function naming<T>(flag: string, source: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof CheckpointError) || !error.message.startsWith(source)) throw error;
    const { found, expected } = error;
    throw new CheckpointError(`${flag} ${error.message}`, { found, expected, cause: error });
  }
}

/** The files of a model's tokenizer, and `others` of its folder, for a model that is made of it. */
export async function keptFiles(
  model: Checkpoint,
  others: ReadonlyMap<string, Uint8Array>,
): Promise<Readonly<Record<string, Uint8Array>>> {
  const files = [...others, ...((await model.tokenizerFiles()) ?? [])];
  // Tokenizers read config.json too; the new model has one of its own.
  return Object.fromEntries(files.filter(([name]) => name !== 'config.json'));
}

/**
 * A model that answers, tried for size: on a meta device, where no weight is read.
 * @throws LimitError where not even the shortest answer fits; CheckpointError as `loadModel`
 */
export async function sizeModel(
  checkpoint: Checkpoint,
  { device, ...held }: { readonly device: Device; readonly dtype?: WeightFormat },
): Promise<LanguageModel> {
  const sized = await loadModel(checkpoint, { device: device.meta(), ...held });
  requireMemory(await planGeneration(sized, { promptLength: 1, maxNewTokens: 1 }));
  return sized;
}

/**
 * The tokenizer of a model that answers: the one that `--tokenizer` names, else that of its folder.
 * @throws CheckpointError when there is none, CompatibilityError when it is not the model's
 */
export async function tokenizerOf(
  model: LanguageModel,
  checkpoint: Checkpoint,
  named: string | undefined,
): Promise<Tokenizer> {
  const tokenizer = await findTokenizer(named, [checkpoint]);
  const own = await ownTokenizer(checkpoint, named);
  checkTokenizer(tokenizer, model, { own, called: `the model in ${checkpoint.name}` });
  return tokenizer;
}

/** The tokenizer of a model's folder, where `--tokenizer` names another one to compare it with. */
export const ownTokenizer = async (
  checkpoint: Checkpoint,
  named: string | undefined,
): Promise<Tokenizer | undefined> =>
  named !== undefined && (await hasTokenizer(checkpoint)) ? loadTokenizer(checkpoint) : undefined;

/** Where a tokenizer comes from, for the help. */
export const tokenizerWords = 'where the tokenizer is: a folder, a GGUF file, hf:organisation/name, or a URL';

/**
 * The tokenizer of what `--tokenizer` names, else of the first of the models that holds one.
 * @throws CheckpointError when there is none
 */
export async function findTokenizer(
  named: string | undefined,
  models: readonly (Checkpoint | undefined)[],
): Promise<Tokenizer> {
  const given =
    named === undefined
      ? models.filter((model) => model !== undefined)
      : [await naming('--tokenizer', named, () => openCheckpoint(named))];
  for (const checkpoint of given) if (await hasTokenizer(checkpoint)) return loadTokenizer(checkpoint);
  throw noTokenizer(given, 'Name a source that has one by --tokenizer.');
}

export const hasTokenizer = async (checkpoint: Checkpoint): Promise<boolean> =>
  (await checkpoint.tokenizerFiles()) !== undefined;

/**
 * A trainable model: that of a folder, or one with random weights from a config.json, whose vocabulary, special tokens
 * and positions are filled in where it leaves them out.
 * @param options exactly one of `student` and `studentConfig` is given
 * @throws CompatibilityError for a folder whose own tokenizer is of another vocabulary than the one that is named
 */
export async function openStudent(
  {
    student,
    studentConfig,
    tokenizer: named,
    seed,
    lora,
    studentDtype,
  }: {
    student: Checkpoint | undefined;
    studentConfig: string | undefined;
    tokenizer: string | undefined;
    seed: number;
    lora: LoraOptions | undefined;
    studentDtype?: WeightFormat | undefined;
  },
  {
    device,
    tokenizer,
    positions,
    note,
  }: { device: Device; tokenizer: Tokenizer; positions: number; note: (text: string) => void },
): Promise<LanguageModel> {
  if (student !== undefined) {
    if (studentDtype !== undefined && !lora && !(await student.adapter())) {
      throw new OptionError(
        `--student-dtype ${studentDtype} holds what is frozen beside an adapter, and ${student.name} is trained as a whole. Give ` +
          '--lora, or leave it out.',
      );
    }
    const model = await loadModel(student, { device, trainable: true, lora, ...given({ dtype: studentDtype }) });
    checkTokenizer(tokenizer, model, {
      own: await ownTokenizer(student, named),
      called: `the model in ${student.name}`,
    });
    return model;
  }
  const path = studentConfig as string;
  const { vocabSize, bosTokenId, eosTokenId } = tokenizer;
  const config = await readJson(openFolder(dirname(path)), basename(path));
  const defaults = { vocabSize, maxPositions: positions, bosTokenId: bosTokenId ?? eosTokenId, eosTokenId };
  const model = await createFromFile(config, path, { device, seed, defaults });
  checkTokenizer(tokenizer, model, { called: `the new model of ${path}` });
  // Whatever the family calls them.
  const isLimited = Number.isFinite(model.maxPositions);
  if (isLimited && !('n_positions' in config || 'max_position_embeddings' in config)) {
    note(`the new model has ${model.maxPositions} positions, from --max-length: it will never read longer texts.`);
  }
  return model;
}

/**
 * A new model of a file's fields, which messages call by the file's name.
 * @param originOf where a field comes from that the file does not have, after its name: "which follows from n_embd"
 * @throws as `createModel`
 */
export const createFromFile = (
  config: Readonly<Record<string, unknown>>,
  path: string,
  options: CreateOptions,
  originOf: (field: string) => string | undefined = () => undefined,
): Promise<LanguageModel> =>
  createModel(config, options).catch((error: unknown) => {
    if (!(error instanceof CheckpointError || error instanceof OptionError)) throw error;
    const named = error.message.replace(/^createModel: config/, path);
    const message = named.replace(/(?<=: field '(\w+)')(?= is )/, (_, field) => {
      const origin = originOf(field);
      return origin === undefined ? '' : `, ${origin},`;
    });
    const details = { found: error.found, expected: error.expected, cause: error };
    if (error instanceof CheckpointError) throw new CheckpointError(message, details);
    throw new OptionError(message, { ...details, ...(error.option !== undefined && { option: error.option }) });
  });

/** Tokens of a prompt and of a whole sequence: the paper's 256 and 512, or what the models have room for. */
export function lengthLimits(
  { maxPromptLength, maxLength }: { maxPromptLength: number | undefined; maxLength: number | undefined },
  models: readonly LanguageModel[],
): { maxPromptLength: number; maxLength: number } {
  const length = maxLength ?? Math.min(512, ...models.map(({ maxPositions }) => maxPositions));
  return { maxLength: length, maxPromptLength: maxPromptLength ?? Math.min(256, Math.floor(length / 2)) };
}

/** Tokens of a prompt of one letter; 0 where a chat template refuses it. */
function shortestPrompt(template: PromptTemplate, tokenizer: Tokenizer): number {
  try {
    return encodePrompt({ instruction: 'a' }, { tokenizer, template }).length;
  } catch (error) {
    if (error instanceof DataError) return 0;
    throw error;
  }
}

/**
 * Whether a prompt in the template and a token of an answer have room, before data are read.
 * @throws LimitError where the template takes all positions of a model; OptionError for --max-prompt-length that does
 */
export function requireRoom(
  template: PromptTemplate,
  models: readonly LanguageModel[],
  { tokenizer, maxPromptLength }: { readonly tokenizer: Tokenizer; readonly maxPromptLength: number },
): void {
  const positions = Math.min(...models.map((model) => model.maxPositions));
  const most = `${counted(positions, 'position')}`;
  const has = models.length > 1 ? 'one of the models has' : 'the model has';
  const taken = shortestPrompt(template, tokenizer);
  if (taken >= positions) {
    const isShorter = shortestPrompt(promptTemplates.compact, tokenizer) < positions;
    throw new LimitError(
      `The template '${template.name}' takes ${counted(taken, 'token')} around one letter, and ${has} ${most}: no prompt fits. Take ` +
        `${isShorter ? '--template compact, for models that are trained with it, or ' : ''}a model with more positions.`,
      { found: taken, expected: positions },
    );
  }
  if (maxPromptLength < positions) return;
  throw new OptionError(`--max-prompt-length is ${maxPromptLength}, expected less, for ${has} ${most}.`, {
    option: 'maxPromptLength',
    found: maxPromptLength,
    expected: positions,
  });
}

/** Tokens of a conversation: what the model can read, and without a last position what T5 was trained to read. */
export const longestConversation = ({ maxPositions }: LanguageModel): number =>
  Number.isFinite(maxPositions) ? maxPositions : 512;

/** New tokens of an answer: the paper's 256, or what the model has room for after a prompt of so many tokens. */
export const answerLength = (model: LanguageModel, promptLength: number): number =>
  Math.max(1, Math.min(256, model.room(promptLength)));

/** Models of `distillm eval`: what each needs to answer the records, and its answers, one to each record and seed. */
import {
  type Checkpoint,
  type Device,
  type Example,
  generateBatches,
  type InstructionFields,
  type LanguageModel,
  loadModel,
  type Perplexity,
  perplexity,
  planGeneration,
  readInstructions,
  requireMemory,
  type SamplerOptions,
  type SkipInvalid,
  type Tokenizer,
  type WeightFormat,
} from '../../index.js';
import { randomSeed } from '../../random.js';
import { kindOfData, recordNames } from '../data.js';
import { whole } from '../format.js';
import { answerLength, lengthLimits, requireRoom, sizeModel, tokenizerOf } from '../models.js';
import { given } from '../options.js';
import type { ProgressLine } from '../progress.js';
import { chooseTemplate, type TemplateName } from '../template.js';
import { noted } from '../terminal.js';

/** How records are read and answered. */
interface AnswererOptions {
  readonly device: Device;
  readonly data: readonly string[];
  readonly fields: InstructionFields | undefined;
  readonly languages: string | undefined;
  readonly skipInvalid: SkipInvalid;
  readonly tokenizer: string | undefined;
  readonly template: TemplateName | undefined;
  readonly dtype: WeightFormat | undefined;
  readonly limit: number | undefined;
  readonly maxPromptLength: number | undefined;
  readonly maxNewTokens: number | undefined;
  readonly batchSize: number;
  readonly sampling: SamplerOptions;
  readonly line: ProgressLine;
}

/** What answers depend on beside model, records and seed. */
interface AnswerSettings extends SamplerOptions {
  readonly maxNewTokens: number;
  readonly maxPromptLength: number;
  readonly template: string;
  readonly dtype: WeightFormat;
}

/** A model that is ready to answer, but for its weights. */
export interface Answerer {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  readonly examples: readonly Example[];
  /** Of the examples, those whose prompt was longer than allowed. */
  readonly promptsCut: number;
  readonly settings: AnswerSettings;
}

/** An answer, and why it ended. */
export interface Answer {
  readonly text: string;
  /** EOS among them. */
  readonly tokens: number;
  readonly finishReason: 'eos' | 'length';
}

/**
 * Reads the records as the model is asked them. No weight is read: all that can go wrong before is told before.
 * @throws LimitError where the answers do not fit into memory
 */
export async function prepareAnswerer(
  checkpoint: Checkpoint,
  { device, dtype = 'f32', sampling, line, ...options }: AnswererOptions,
): Promise<Answerer> {
  const sized = await sizeModel(checkpoint, { device, dtype });
  const tokenizer = await tokenizerOf(sized, checkpoint, options.tokenizer);
  const { maxPromptLength } = lengthLimits({ ...options, maxLength: undefined }, [sized]);
  const { data: files, skipInvalid } = options;
  const { areChats, haveT5Prefix } = await kindOfData(files, options);
  const template = await chooseTemplate(options.template, [checkpoint], {
    ...{ tokenizer, areChats, prefersChat: true },
    prefersT5: haveT5Prefix && sized.numEncoderLayers !== undefined,
    say: (text) => line.print(noted(text)),
  });
  requireRoom(template, [sized], { tokenizer, maxPromptLength });
  const data = await readInstructions(files, {
    ...{ tokenizer, template, maxPromptLength, ...recordNames(options), skipInvalid },
    // The references may be of any length: only the prompts are answered.
    maxLength: Number.MAX_SAFE_INTEGER,
  });
  const examples = data.train.slice(0, options.limit);
  const longest = Math.max(...examples.map(({ promptLength }) => promptLength));
  const maxNewTokens = options.maxNewTokens ?? answerLength(sized, longest);
  const batchSize = Math.min(options.batchSize, examples.length);
  requireMemory(await planGeneration(sized, { promptLength: longest, maxNewTokens, batchSize }));
  return {
    ...{ checkpoint, tokenizer, examples, promptsCut: examples.filter(({ promptCut }) => promptCut).length },
    settings: { ...sampling, maxNewTokens, maxPromptLength, template: template.name, dtype },
  };
}

/** The weights of a model that is ready. */
export const loadAnswerer = ({ checkpoint, settings: { dtype } }: Answerer, device: Device): Promise<LanguageModel> =>
  loadModel(checkpoint, { device, dtype });

interface AnswerAllOptions {
  readonly seed: number;
  readonly batchSize: number;
  readonly line: ProgressLine;
  /** What the line of progress begins with. */
  readonly called: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * An answer to each example. Prompts of similar lengths share a batch; what is drawn depends on seed and index alone.
 */
export async function answerAll(
  model: LanguageModel,
  { tokenizer, examples, settings }: Answerer,
  { seed, batchSize, line, called, signal }: AnswerAllOptions,
): Promise<Answer[]> {
  const { maxPromptLength: _, template: __, dtype: ___, ...drawing } = settings;
  const order = inOrder(examples);
  const answers = new Array<Answer>(examples.length);
  const started = performance.now();
  let tokens = 0;
  let done = 0;
  const prompts = order.map((index) => examples[index]!.ids.subarray(0, examples[index]!.promptLength));
  // The draws of a run's validation with this seed.
  const seeds = order.map((index) => randomSeed(seed, 'validation', index));
  const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
  const how = { ...drawing, ...given({ signal }), batchSize, eosTokenId, vocabSize, seeds };
  const told = () => `${called}${whole(done)}/${whole(order.length)} answers`;
  const answerOf = (ids: Int32Array): Answer => ({
    text: tokenizer.decode(ids, { skipSpecialTokens: true }),
    tokens: ids.length,
    finishReason: eosTokenId.includes(ids.at(-1) ?? -1) ? 'eos' : 'length',
  });
  return line.during(told, async () => {
    for await (const batch of generateBatches(model, prompts, how)) {
      for (const ids of batch) {
        tokens += ids.length;
        answers[order[done++] as number] = answerOf(ids);
      }
      const rate = (1000 * tokens) / (performance.now() - started);
      line.update(`${told()}, ${whole(rate)} new tokens/s`);
    }
    return answers;
  });
}

/** Indices by the lengths of the prompts. */
const inOrder = (examples: readonly Example[]): number[] =>
  [...examples.keys()].sort((a, b) => examples[a]!.promptLength - examples[b]!.promptLength);

/** The perplexity of the first reference of each example, as far as the model has room for it. */
export function perplexityOf(model: LanguageModel, { examples, tokenizer }: Answerer): Promise<Perplexity> {
  const samples = examples.map(({ ids, promptLength }) => ({
    ids: ids.subarray(0, promptLength + model.room(promptLength)),
    promptLength,
  }));
  return perplexity(model, samples, { vocabSize: tokenizer.vocabSize });
}

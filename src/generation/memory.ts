/** How much memory answers take: a batch of them is rehearsed to its height, as `decode` makes them. See models/memory.ts. */
import * as z from 'zod';
import { LimitError } from '../errors.js';
import {
  findFitting,
  halvings,
  limitOf,
  type MemoryPlan,
  otherBytes,
  overDepths,
  type Rehearsal,
  startRehearsal,
  weightBytesOf,
} from '../models/memory.js';
import { type LanguageModel, modelOption } from '../models/model.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { type WeightFormat, weightFormats } from '../tensor/index.js';
import { decode } from './decode.js';
import { generateOptions } from './options.js';

/** Which answers are planned. */
export interface PlanGenerationOptions {
  /** Tokens of the longest prompt. */
  readonly promptLength: number;
  /** As in `GenerateOptions`. */
  readonly maxNewTokens: number;
  /** Prompts side by side; 1 by default. */
  readonly batchSize?: number;
}

/** Tokens of a text, and prompts side by side, that can be planned: a rehearsal holds their ids. */
const [mostTokens, mostPrompts] = [2 ** 24, 65_536];
const planOptions = z.strictObject({
  promptLength: ranges.integer(1, mostTokens),
  maxNewTokens: ranges.integer(1, mostTokens),
  batchSize: ranges.integer(1, mostPrompts).default(1),
} satisfies Fields<PlanGenerationOptions>);

/** What answers take, in bytes. */
export interface GenerationMemory extends MemoryPlan {
  /** As they are held. */
  readonly weights: number;
  /** Keys and values of the prompts and answers. */
  readonly caches: number;
  /** What the prompts' pass computes, logits, and the smaller caches when half of the answers have ended. */
  readonly answering: number;
}

/**
 * How much memory answers take at most, without making any. Nothing is computed.
 * @param model on a meta device, before any weight is read; or as it is
 * @example
 * const sized = await loadModel('./gpt2-xl', { device: device.meta(), dtype: 'f16' });
 * const { total, fits } = await planGeneration(sized, { promptLength: 100, maxNewTokens: 200 });
 * @throws OptionError; LimitError when the model has no positions for so many tokens
 */
export async function planGeneration(model: LanguageModel, options: PlanGenerationOptions): Promise<GenerationMemory> {
  checkOption('planGeneration', 'model', model, modelOption);
  const asked = checkOptions('planGeneration', planOptions, options);
  const [{ device }, limit] = [model, limitOf(model.device)];
  const other = otherBytes(device, [model]);
  const weights = weightBytesOf(model);
  const measure = (change: Change = {}) =>
    overDepths({ model }, (layers) => rehearse(model, { ...asked, ...change }, { other, layers: layers.model }));
  const found = await measure().catch((error: unknown) => {
    // A buffer of a GPU. Positions that there are not are the caller's affair.
    if (device.info.kind !== 'webgpu' || !(error instanceof LimitError)) throw error;
    return { ...{ weights, other, rest: 0, caches: 0, answering: 0, total: weights + other }, tooLarge: error.message };
  });
  const fits = !('tooLarge' in found) && (limit === undefined || found.total <= limit);
  const totalOf = (change: Change) =>
    measure(change).then(
      ({ total }) => total,
      (error: unknown) => {
        if (!(error instanceof LimitError)) throw error;
        return undefined;
      },
    );
  const fitting = fits ? [] : await findFitting(waysToFit(model, asked), totalOf, limit);
  return { ...found, ...(limit !== undefined && { limit }), fits, fitting };
}

type Asked = z.output<typeof planOptions>;

/** What is milder than what was asked. */
interface Change {
  readonly batchSize?: number;
  readonly dtype?: WeightFormat;
  readonly maxNewTokens?: number;
}

function waysToFit(model: LanguageModel, { batchSize, maxNewTokens }: Asked): readonly (readonly Change[])[] {
  const format = formatOf(model);
  const isTrained = [...model.parameters.values()].some(({ requiresGrad }) => requiresGrad);
  const smaller = isTrained ? [] : weightFormats.slice(weightFormats.indexOf(format) + 1);
  return [
    halvings(batchSize, 1).map((size) => ({ batchSize: size })),
    smaller.map((dtype) => ({ dtype })),
    halvings(maxNewTokens, 16).map((tokens) => ({ maxNewTokens: tokens })),
  ];
}

/** How the matrices of a model are held. */
export const formatOf = ({ weights }: LanguageModel): WeightFormat => [...weights.values()][0]?.format ?? 'f32';

async function rehearse(
  model: LanguageModel,
  { promptLength, maxNewTokens, batchSize, dtype }: Asked & Change,
  { other, layers }: { readonly other: number; readonly layers: number | undefined },
) {
  const rehearsal = startRehearsal(model.device);
  const same = await model.onMeta(rehearsal.device, { dtype, layers });
  const weights = rehearsal.live();
  const prompts = Array.from({ length: batchSize }, () => new Int32Array(promptLength));
  const { caches, answering } = await rehearseAnswers(rehearsal, same, prompts, maxNewTokens);
  const sum = weights + caches + answering;
  const reached = Math.max(rehearsal.reached(), sum);
  return { weights, caches, answering, rest: reached - sum, other, total: reached + other };
}

/** The height of a batch of answers: prompts are read, then half of them end, and the caches of the others are copied. */
export async function rehearseAnswers(
  rehearsal: Rehearsal,
  model: LanguageModel,
  prompts: readonly Int32Array[],
  maxNewTokens: number,
): Promise<{ readonly caches: number; readonly answering: number }> {
  const held = rehearsal.live();
  const decoding = model.startDecoding(prompts, maxNewTokens);
  const caches = rehearsal.live() - held;
  decoding.dispose();
  const peak = await rehearsal.peakOf(async () => {
    const stopped = new Set(prompts.length > 1 ? Array.from({ length: (prompts.length + 1) >> 1 }, (_, i) => i) : []);
    const options = { ...generateOptions.parse({ maxNewTokens }), seeds: [...prompts.keys()] };
    let step = 0;
    for await (const _ of decode(model, prompts, options, { stopped })) if (++step === 2) break;
  });
  return { caches, answering: Math.max(0, peak - held - caches) };
}

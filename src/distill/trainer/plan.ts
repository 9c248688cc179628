import type { Sample } from '../../data/batch.js';
import type { FileStore } from '../../io/fileStore.js';
import {
  type AdamWOptions,
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  noamSchedule,
  type Schedule,
} from '../../optim/index.js';
import type { Tokenizer } from '../../text/index.js';
import { offPolicy, type SgoPolicy } from '../sgo/index.js';
import type { DistillOptions, FineTuneOptions, GenerationOptions, ValidationSample } from './options.js';
import type { Objective } from './trainStep.js';

/** A run with every default filled in: what the loop works from. */
export interface Plan {
  readonly objective: Objective;
  readonly tokenizer: Tokenizer | undefined;
  readonly train: readonly Sample[];
  readonly validation: readonly ValidationSample[];
  /** The same, shortest first: batches of similar lengths carry little padding. */
  readonly validationByLength: readonly Sample[];
  readonly text: readonly Sample[];
  readonly template: string | undefined;
  readonly sgo: SgoPolicy;
  readonly generation: Required<GenerationOptions>;
  readonly maxNewTokens: number;
  readonly optimizer: AdamWOptions;
  readonly schedule: Schedule;
  readonly batchSize: number;
  readonly gradAccumulationSteps: number;
  readonly groupByLength: boolean;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Steps between validations. */
  readonly validateEvery: number;
  readonly rougeL: { readonly samples: number; readonly temperature: number };
  readonly seed: number;
  readonly checkpoint: string | FileStore | undefined;
  readonly resume: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Fills in the defaults; the numbers have been checked. */
export function makePlan(options: FineTuneOptions & Partial<DistillOptions>): Plan {
  const { student, teacher, loss, data, tokenizer, kdRatio = 1, validation = {} } = options;
  const { lr = 5e-4, ...optimizer } = options.optimizer ?? {};
  const { batchSize = 8, gradAccumulationSteps = 1 } = options;
  const distils = teacher && loss && kdRatio > 0;
  // The last, incomplete batch of an epoch is dropped, as in the official code; a data set smaller than one is one.
  const stepsPerEpoch = Math.max(1, Math.floor(data.train.length / (batchSize * gradAccumulationSteps)));
  const totalSteps = options.steps ?? stepsPerEpoch * (options.epochs ?? 0);
  const { every = 'epoch', rougeL } = validation;
  return {
    objective: {
      student,
      ...(distils && { distillation: { teacher, divergence: loss } }),
      kdRatio: distils ? kdRatio : 0,
      lmCoef: options.text?.lmCoef ?? 1,
    },
    tokenizer,
    train: data.train,
    template: data.template,
    validation: data.validation ?? [],
    validationByLength: (data.validation ?? []).toSorted((a, b) => a.ids.length - b.ids.length),
    text: options.text?.samples ?? [],
    sgo: options.sgo ?? offPolicy(),
    generation: { temperature: 1, topP: 1, topK: 0, ...options.generation },
    maxNewTokens: options.maxNewTokens ?? Math.min(256, roomForAnswer(options)),
    optimizer,
    schedule: makeSchedule(options, lr, totalSteps),
    batchSize,
    gradAccumulationSteps,
    groupByLength: options.groupByLength ?? false,
    stepsPerEpoch,
    totalSteps,
    validateEvery: every === 'epoch' ? stepsPerEpoch : every,
    rougeL: { samples: 0, temperature: 0, ...rougeL },
    seed: options.seed ?? 10,
    checkpoint: options.checkpoint,
    resume: options.resume ?? false,
    signal: options.signal,
  };
}

/** Tokens that every generated answer may have, whatever its prompt, with the positions that the models have. */
export function roomForAnswer({ student, teacher, data, sgo }: FineTuneOptions & Partial<DistillOptions>): number {
  const positions = Math.min(
    student.maxPositions,
    sgo?.generates && teacher ? teacher.maxPositions : Number.POSITIVE_INFINITY,
  );
  const samples = [...(sgo?.generates ? data.train : []), ...(data.validation ?? [])];
  return positions - samples.reduce((longest, { promptLength }) => Math.max(longest, promptLength), 0);
}

function makeSchedule(
  { schedule = 'cosine', warmupSteps = 0 }: FineTuneOptions,
  lr: number,
  totalSteps: number,
): Schedule {
  if (typeof schedule === 'function') return schedule;
  const options = { lr, warmupSteps, totalSteps };
  return { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule, noam: noamSchedule }[schedule](
    options,
  );
}

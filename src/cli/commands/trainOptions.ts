import { OptionError } from '../../index.js';
import { lossNames } from '../losses.js';
import { dtypeOption } from '../models.js';
import {
  choice,
  count,
  countOr,
  countOrZero,
  flag,
  flagOf,
  notNegative,
  optional,
  positive,
  required,
  share,
  text,
  type Values,
  withDefault,
} from '../options.js';
import { templateOption } from '../template.js';

const dataOptions = {
  method: withDefault('<name>', choice(['sft', 'kd', 'distillm']), 'how to train: sft, kd or distillm', 'distillm'),
  data: required('<file>', text, 'JSONL with instruction, input (or context), output (or response); .gz as well'),
  validation: optional(
    '<file|number>',
    text.transform((value) => (/^\d+$/.test(value) ? Number(value) : value)),
    'held-out records: a file, or how many from the start of the data (default: 1000, or a tenth of less than 10000)',
  ),
  template: templateOption,
  maxPromptLength: optional('<tokens>', count, 'longer prompts are cut inside the input or instruction (default: 256)'),
  maxLength: optional('<tokens>', count, 'longer sequences are cut (default: 512, or what the models take)'),
  text: optional('<file>', text, 'plain text, for an additional language modelling loss'),
  lmCoef: optional('<number>', positive, 'weight of the loss on --text (default: 1)'),
};

const modelOptions = {
  student: optional('<folder>', text, 'Hugging Face folder of the model to train'),
  studentConfig: optional('<file>', text, 'instead of --student: random weights, sized by this config.json'),
  teacher: optional('<folder>', text, 'Hugging Face folder of the teacher (kd and distillm)'),
  teacherDtype: dtypeOption,
  tokenizer: optional('<folder>', text, "folder of the tokenizer (default: the student's, then the teacher's)"),
};

/** Absent unless given, so that one that does not fit the method is noticed. */
const distillationOptions = {
  loss: optional(
    '<name>',
    choice(lossNames),
    `divergence: ${lossNames.join(', ')} (default: skewReverseKL; kd: forwardKL)`,
  ),
  alpha: optional(
    '<number>',
    share,
    "mixture of the skew losses: the teacher's share in skewKL, the student's in skewReverseKL (default: 0.1)",
  ),
  weight: optional(
    '<number>',
    share,
    "symmetricKL: the reverse direction's weight; jensenShannon: the student's (0.5)",
  ),
  lossTemperature: optional('<number>', positive, 'divides the logits of both models in the loss (default: 1)'),
  kdRatio: optional('<share>', share, 'share of the divergence; the rest is cross-entropy (default: 1)'),
};

const studentOutputOptions = {
  initThreshold: optional('<share>', share, 'phi at the start: how often to train on student outputs (default: 0)'),
  lossEps: optional('<nats>', notNegative, 'rise of the validation loss that raises phi by 0.1 (default: 0.1)'),
  capacity: optional('<samples>', count, 'replay buffer (default: 1000)'),
  replaySchedule: optional(
    '<name>',
    choice(['decreasing', 'constant', 'increasing']),
    'share of fresh outputs among student outputs over the run (default: decreasing)',
  ),
  phiCap: optional('<share>', share, 'phi never rises above it (default: 1)'),
  phiCooldown: optional('<number>', countOrZero, 'validations to wait after a raise of phi (default: 0)'),
};

const runOptions = {
  epochs: optional('<number>', count, 'passes over the data (default: 20; sft: 3)'),
  steps: optional('<number>', count, 'optimizer steps, instead of --epochs'),
  batchSize: withDefault('<number>', count, 'sequences in one forward pass', 8),
  gradAccumulationSteps: withDefault('<number>', count, 'forward passes to one optimizer step', 1),
  groupByLength: flag('samples of like length in the same batch: less padding, faster where lengths differ much'),
  lr: withDefault('<number>', positive, 'peak learning rate', 5e-4),
  schedule: withDefault(
    '<name>',
    choice(['constant', 'linear', 'cosine', 'noam']),
    'shape of the learning rate: constant, linear, cosine or noam',
    'cosine',
  ),
  warmupSteps: optional('<number>', countOrZero, 'steps of linear warmup (default: 0)'),
  weightDecay: withDefault('<number>', notNegative, 'decoupled weight decay of the matrices', 0.01),
  clipGradNorm: withDefault('<number>', notNegative, 'largest global gradient norm; 0 is off', 1),
  seed: withDefault('<number>', countOrZero, 'decides order, random weights, generation and replay', 10),
  validateEvery: withDefault('<epoch|steps>', countOr('epoch'), 'when to validate and save', 'epoch'),
  rougeSamples: optional(
    '<number>',
    countOrZero,
    'validation prompts to answer each time; ROUGE-L chooses the best, then the loss (default: 100; sft: 0)',
  ),
  maxNewTokens: optional('<tokens>', count, 'longest generated answer (default: 256, or what the models take)'),
};

const outputOptions = {
  out: required('<folder>', text, 'where to write; a run that is there already is not overwritten'),
  resume: flag('go on with the run in --out, with the options that it began with'),
  log: optional('<file>', text, 'JSONL of every step and validation (default: OUT/log.jsonl)'),
};

export const trainOptions = {
  Data: dataOptions,
  Models: modelOptions,
  Distillation: distillationOptions,
  'Student outputs (distillm)': studentOutputOptions,
  Training: runOptions,
  Output: outputOptions,
};

export type TrainOptions = Values<
  typeof dataOptions &
    typeof modelOptions &
    typeof distillationOptions &
    typeof studentOutputOptions &
    typeof runOptions &
    typeof outputOptions
>;

/** @throws OptionError for a teacher that is missing, and for options that the method has no use for. */
export function checkMethod(options: TrainOptions): void {
  const { method } = options;
  if (method !== 'sft' && options.teacher === undefined) {
    throw new OptionError(`--method ${method} needs --teacher, the folder of the model to learn from.`);
  }
  const foreign = {
    sft: ['teacher', 'teacherDtype', ...Object.keys(distillationOptions), ...Object.keys(studentOutputOptions)],
    kd: Object.keys(studentOutputOptions),
    distillm: [],
  }[method];
  const misplaced = (foreign as (keyof TrainOptions)[]).find((name) => options[name] !== undefined);
  if (misplaced !== undefined) {
    throw new OptionError(
      `${flagOf(misplaced)} does nothing with --method ${method}. Leave it out, or choose another method.`,
    );
  }
  if (options.lmCoef !== undefined && options.text === undefined) {
    throw new OptionError('--lm-coef weighs the loss on --text, which is not given.');
  }
}

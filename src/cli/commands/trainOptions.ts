/** The options of `distillm train`: those of a run come from its schemas, the others name files and models. */
import * as z from 'zod';
import { losses } from '../../distill/losses/index.js';
import { distillationOptions, distillOptions, fineTuneOptions } from '../../distill/settings.js';
import { policies } from '../../distill/sgo/index.js';
import { weightFormats } from '../../entries/tensor.js';
import { OptionError } from '../../index.js';
import { leavesOf } from '../../settings/index.js';
import { type ConfigNames, configOption } from '../config.js';
import { recordOptions } from '../data.js';
import { flagsByPath, flagsOf, kindFlags, optionsFrom } from '../flags.js';
import { loraFlags, loraFlagsByPath } from '../lora.js';
import { dtypeOption, sourceWords } from '../models.js';
import { choice, count, flag, flagOf, listed, optional, required, text, type Values, withDefault } from '../options.js';
import { templateOption } from '../template.js';

/** A number is never the name of a file: 0.1 may be meant as a share. */
const heldOut = text.transform((value, context): (number | string)[] => {
  if (/^\d+$/.test(value)) return [Number(value)];
  if (Number.isNaN(Number(value.replace(/%$/, '')))) return [value];
  context.addIssue({ code: 'custom', message: 'a file, or a whole number of records' });
  return z.NEVER;
});

const dataOptions = {
  method: withDefault('<name>', choice(['sft', 'kd', 'distillm']), 'how to train: sft, kd or distillm', 'distillm'),
  data: required(
    '<file...>',
    listed,
    'JSON lines, or one JSON array, of instruction, input (or context) and output (or response), of prompt and completion, or of ' +
      'messages; .gz as well',
  ),
  ...recordOptions,
  validation: optional(
    '<file|number...>',
    heldOut,
    'held-out records: files, or how many of the data (default: 1000, or a tenth of less than 10000)',
  ),
  validationOrder: optional(
    '<order>',
    choice(['random', 'first']),
    'which records are held out: random, a draw that is the same for every run on the data; first, as in the paper, ' +
      'which is biased where the file is sorted (default: random)',
  ),
  template: templateOption,
  maxPromptLength: optional('<tokens>', count, 'longer prompts are cut inside the input or instruction (default: 256)'),
  maxLength: optional('<tokens>', count, 'longer sequences are cut (default: 512, or what the models take)'),
  text: optional('<file...>', listed, 'plain text, for an additional language modelling loss'),
};

const modelOptions = {
  student: optional('<source>', text, `the model to train: ${sourceWords}`),
  studentConfig: optional('<file>', text, 'instead of --student: random weights by --seed, sized by this config.json'),
  teacher: optional('<source>', text, 'the teacher (kd and distillm), from the same kinds of sources'),
  teacherDtype: dtypeOption,
  studentDtype: optional(
    '<dtype>',
    choice(weightFormats),
    'with --lora, or for a student that is an adapter: how the matrices beside it are held (default: f32)',
  ),
  ...loraFlags,
  tokenizer: optional(
    '<folder>',
    text,
    "folder of the tokenizer (default: the student's, then the teacher's; needed where these end answers differently)",
  ),
};

const lossNames = Object.keys(losses) as [keyof typeof losses];
const policyNames = Object.keys(policies) as [keyof typeof policies];

const lossOptions = {
  loss: optional(
    '<name>',
    choice(lossNames),
    `divergence: ${lossNames.join(', ')} (default: skewReverseKL; kd: forwardKL)`,
  ),
  ...kindFlags(losses),
  ...flagsOf(distillationOptions.omit({ generation: true })),
};

const studentOutputOptions = {
  sgo: optional(
    '<name>',
    choice(policyNames),
    `policy, what to train on step by step: ${policyNames.join(', ')} (default: adaptiveOffPolicy)`,
  ),
  ...kindFlags(policies),
  ...flagsOf(distillationOptions.pick({ generation: true })),
};

const runOptions = flagsOf(fineTuneOptions, { epochs: '20; sft: 3', rougeSamples: '100; sft: 0' });

const outputOptions = {
  out: required('<folder>', text, 'where to write; a run that is there already is not overwritten'),
  resume: flag(
    'go on with the run in --out, by the options that it began with: nothing else need be given. The learning rate may be ' +
      'another, and a run that is finished may get more --steps or --epochs',
  ),
  fallbackOut: optional(
    '<folder>',
    text,
    'a second folder, on another disk: it gets the state where OUT cannot be written and the wait for it ends, by Ctrl-C or ' +
      '--wait-for-room',
  ),
  log: optional('<file>', text, 'JSONL of every step and validation (default: OUT/log.jsonl)'),
  tensorboard: optional(
    '<folder>',
    text,
    'event files for TensorBoard: losses, scores, phi, sources, learning rate, norms',
  ),
  config: configOption,
  dryRun: flag('checks everything and says what the run would take, in memory and time; writes nothing'),
};

/** The flags of a run's options by what messages of the API call these: 'sgo.guard.cap' is that of --phi-cap. */
export const runFlags: ReadonlyMap<string, string> = new Map([
  // A policy's own messages have its options without the group; a name that the run has too is the run's.
  ...Object.values(policies).flatMap(({ options }) => [...flagsByPath(options), ...flagsByPath(options, 'sgo.')]),
  ...Object.values(losses).flatMap(({ options }) => flagsByPath(options, 'loss.')),
  ...flagsByPath(distillOptions),
  ...loraFlagsByPath,
  ['totalSteps', 'steps'],
  ['loss.kind', 'loss'],
  ['sgo.kind', 'sgo'],
  ['data.train', 'data'],
  ['data.validation', 'validation'],
  ['data.text', 'text'],
  ['validation.rougeL', 'rougeSamples'],
]);

/** Flags by what others call them: '--learning-rate' is '--lr'. */
export const flagsAlsoCalled: ReadonlyMap<string, string> = new Map(
  leavesOf(distillOptions).flatMap(({ alsoCalled = [], flag }) =>
    typeof flag === 'string' ? alsoCalled.map((name) => [flagOf(name), flagOf(flag)] as const) : [],
  ),
);

/** What `--config` knows beside the names of flags. */
export const configNames: ConfigNames = {
  flags: runFlags,
  alsoCalled: flagsAlsoCalled,
  replacedBy: new Map([
    ['steps', ['epochs']],
    ['epochs', ['steps']],
    ['student', ['studentConfig']],
    ['studentConfig', ['student']],
    ['loss', Object.keys(kindFlags(losses))],
    ['sgo', Object.keys(kindFlags(policies))],
  ]),
  passedOn: ['dataDigest'],
};

export const trainOptions = {
  Data: dataOptions,
  Models: modelOptions,
  Distillation: lossOptions,
  'Student outputs (distillm)': studentOutputOptions,
  Training: runOptions,
  Output: outputOptions,
};

export type TrainOptions = Values<
  typeof dataOptions & typeof modelOptions & typeof lossOptions & typeof studentOutputOptions & typeof outputOptions
> & {
  /** From a file of settings, see `RunSettings`. */
  readonly dataDigest?: { readonly train?: string; readonly validation?: string; readonly text?: string };
};

/** What is held out: files together, or the last number that was given. @throws OptionError for files and numbers */
export function heldOutOf({ validation = [] }: TrainOptions): string[] | number | undefined {
  const files = validation.filter((each) => typeof each === 'string');
  if (files.length === 0) return validation.findLast((each) => typeof each === 'number');
  if (files.length === validation.length) return files;
  throw new OptionError(`--validation is ${validation.join(' and ')}, expected files or a number. Leave one out.`, {
    found: validation,
  });
}

/** @throws OptionError for a teacher that is missing, and for options that the method has no use for. */
export function checkMethod(options: TrainOptions): void {
  const { method } = options;
  if (method !== 'sft' && options.teacher === undefined) {
    throw new OptionError(`--method ${method} needs --teacher, the folder of the model to learn from.`);
  }
  const foreign = {
    sft: ['teacher', 'teacherDtype', ...Object.keys(lossOptions), ...Object.keys(studentOutputOptions)],
    kd: Object.keys(studentOutputOptions),
    distillm: [],
  }[method];
  const misplaced = foreign.find((name) => Object(options)[name] !== undefined);
  if (misplaced !== undefined) {
    throw new OptionError(
      `${flagOf(misplaced)} does nothing with --method ${method}. Leave it out, or choose another method.`,
    );
  }
  const { lmCoef } = optionsFrom(fineTuneOptions, options);
  if (lmCoef !== undefined && options.text === undefined) {
    throw new OptionError('--lm-coef weighs the loss on --text, which is not given. Give it, or leave --lm-coef out.');
  }
}

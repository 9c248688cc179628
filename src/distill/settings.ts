/**
 * The options of a run that are data, each declared once: type, range, default, sentence, flag, and whether a resumed
 * run may change it. `RunSettings` are these options with every default filled in: one plain JSON value that the log
 * keeps, that guards a resume, and that gives the same run again.
 */
import * as z from 'zod';
import type { DeviceInfo } from '../backend/backend.js';
import { CompatibilityError, OptionError, whole } from '../errors.js';
import { adamWOptions, scheduleNames } from '../optim/index.js';
import { advising, group, leavesOf, option, ranges } from '../settings/index.js';
import { samplerOptions } from '../text/sampler.js';
import { divergenceSchema } from './losses/index.js';
import { objectiveSchema } from './policyGradient.js';
import { dataOnly, policyFacts, policySchema } from './sgo/index.js';

const {
  choice,
  count,
  countOr,
  countOrZero,
  minutesOrForever,
  notNegative,
  positive,
  seed,
  share,
  shareBelow1,
  stepsOrMinutes,
  switched,
  text,
  zeroOrF32,
} = ranges;

const digest = option(text.optional(), 'SHA-256 of the samples that the run is of', { flag: false });

const shared = {
  epochs: option(count.optional(), 'passes over the data: the length of the run'),
  steps: option(count.optional(), 'optimizer steps: the length of the run, in place of epochs'),
  batchSize: option(count.default(8), 'sequences in one forward pass'),
  gradAccumulationSteps: option(count.default(1), 'forward passes to one optimizer step'),
  groupByLength: option(
    switched.default(false),
    'samples of like length in the same batch: less padding, faster where lengths differ much',
  ),
  // The gradients have the same bits either way.
  gradientCheckpointing: option(
    switched.default(false),
    'compute each layer again for its gradients instead of keeping what it computed: less memory, a third more time',
    { mayChange: true, alsoCalled: ['checkpointActivations', 'activationCheckpointing'] },
  ),
  /** How weights are updated. */
  optimizer: group(
    z.strictObject({
      // A run that diverged can go on with a lower one.
      lr: option(notNegative.default(5e-4), 'peak learning rate', { mayChange: true, alsoCalled: ['learningRate'] }),
      ...adamWOptions.shape,
    }),
  ),
  schedule: option(choice(scheduleNames).default('cosine'), 'shape of the learning rate over the run'),
  warmupSteps: option(countOrZero.default(0), 'steps of linear warmup', { unit: 'steps' }),
  lmCoef: option(positive.default(1), 'weight of the cross-entropy on plain text, where there is some'),
  /** How often, and by what, the student is judged. */
  validation: group(
    z.strictObject({
      every: option(
        countOr('epoch').default('epoch'),
        'steps between validations; also one before the first step and at the end',
        {
          flag: 'validateEvery',
          unit: 'epoch|steps',
        },
      ),
      bestBy: option(
        choice(['loss', 'rougeL', 'exactMatch']).optional(),
        'what the best is: the lowest loss, or the highest ROUGE-L or most exact matches of the scored answers; ROUGE-L ' +
          'knows a to z and digits only',
        { defaultWords: 'rougeL where answers are scored, else loss' },
      ),
      /** Generated answers, scored by ROUGE-L and exact matches. Needs `tokenizer`. */
      rougeL: group(
        z.strictObject({
          samples: option(
            countOrZero.default(0),
            'validation prompts (the first ones) to answer and score each time; 0 is off',
          ),
          temperature: option(
            zeroOrF32.default(0),
            'temperature of these answers; 0 is greedy, the official code has 1',
          ),
        }),
        'rouge',
      ),
    }),
  ),
  saveEvery: option(
    stepsOrMinutes.default('validation'),
    'when a state is written that a resume can go on from: after so many steps, or minutes (30min), or at each validation; ' +
      'also at the end and at the best validation',
    { unit: 'steps|minutes', mayChange: true },
  ),
  keep: option(
    count.default(2),
    'states that stay, the newest; besides, that of the best validation stays, and the last that a validation has shown to be ' +
      'sound',
    { unit: 'states', mayChange: true },
  ),
  onDeviceLoss: option(
    choice(['reopen', 'wasm', 'stop']).default('reopen'),
    'what a run does whose GPU is lost: open it again, or go on in WebAssembly, from the last state; or end. All but stop keep a ' +
      'copy of frozen weights, and until the first state is written of trained ones, in the memory of the host',
    { mayChange: true },
  ),
  waitForRoom: option(
    minutesOrForever.default('forever'),
    'how long a run waits where its state cannot be written, as the disk is full or its folder gone, before it gives up ' +
      '(30min, 0min)',
    { unit: 'minutes', mayChange: true },
  ),
  maxNewTokens: option(count.optional(), 'longest answer, generated for training or for ROUGE-L', {
    unit: 'tokens',
    defaultWords: '256, or what the models have room for',
  }),
  seed: option(seed.default(10), 'decides order, generation, replay and dropout'),
  noDropout: option(
    switched.default(false),
    "no dropout, whatever the models' configs and adapters say: a student that is its teacher then has a divergence of 0",
  ),
  // The command line has one flag for it and for the device.
  arithmetic: option(
    choice(['fused', 'plain', 'gpu']).optional(),
    'how the device must add products; where it is given, a resumed run may have begun with another',
    { flag: false },
  ),
  /** Digests as `RunSettings` have them: other data are refused. */
  dataDigest: group(z.strictObject({ train: digest, validation: digest, text: digest })),
};

/** What code does where the command line has an option. */
const inCode = {
  out: 'Did you mean checkpoint?',
  dryRun: 'Call estimate() of the run, before it is iterated.',
  method: 'Spread the settings of a method among the options: distill({ ...methods.gkd(), teacher, student, ... }).',
  log: 'Write the events of the run, as they are iterated.',
  teacherDtype: 'Give loadModel of the teacher the dtype.',
};

/** What `fineTune` takes besides models and data. */
export const fineTuneOptions = advising(z.strictObject(shared), inCode);

/** What `distill` takes besides that. */
export const distillationOptions = z.strictObject({
  loss: option(divergenceSchema, 'divergence from the teacher that is minimised', { flag: false }),
  kdRatio: option(
    share.default(1),
    "share of the divergence; the rest is cross-entropy, taken on answers of the data only, never on the student's own",
    { unit: 'share' },
  ),
  answers: option(
    choice(['data', 'teacher']).default('data'),
    'whose answers are trained on in place of student outputs: those of the data, or those of the teacher, which answers every ' +
      'prompt once before the first step',
  ),
  studentLoss: option(
    divergenceSchema.optional(),
    "divergence that is minimised on the student's own answers, where that is another; loss is then that of all other answers",
    { flag: false },
  ),
  objective: option(
    objectiveSchema.optional(),
    "what is minimised on the student's own answers besides the divergence: the policy gradient of whole answers",
    { flag: false },
  ),
  /** How loss and studentLoss change over a run (DistiLLM-2). */
  curriculum: group(
    z.strictObject({
      alpha: option(
        switched.default(false),
        "alpha of loss and studentLoss falls as the student's probabilities of the answers come nearer to the teacher's",
      ),
      weight: option(
        switched.default(false),
        'the weight of studentLoss grows from 1 to 1.5 over the first half of the run, that of loss falls to 0.5',
      ),
    }),
    'curriculum',
  ),
  sgo: option(policySchema.default(dataOnly()), 'what to train on, step by step', { flag: false }),
  pairs: option(
    switched.default(false),
    'a step on student outputs trains on the answers of the data to the same prompts as well, each with its own mean',
  ),
  /** How student and teacher answer where they make training data. */
  generation: group(
    samplerOptions.pick({ temperature: true, topK: true, topP: true }).extend({
      teacherShare: option(
        shareBelow1.default(0),
        "share of the tokens of a student's answer that the teacher draws, so that it comes from a mixture of both",
        { unit: 'share' },
      ),
    }),
    'generation',
  ),
  // It changes no step.
  compareEvery: option(
    countOrZero.default(0),
    'steps between comparisons of the two models, which a step then tells: their entropies, how often they agree on the likeliest ' +
      'token, and how much their ten likeliest overlap; 0 is never',
    { unit: 'steps', mayChange: true },
  ),
});

/** What `distill` takes besides models and data. */
export const distillOptions = advising(z.strictObject({ ...distillationOptions.shape, ...shared }), inCode);

/** The options of either function with their defaults; those of distillation are absent from fine-tuning. */
export type RunOptions = z.output<typeof fineTuneOptions> & Partial<z.output<typeof distillOptions>>;

type Digests = { readonly train: string; readonly validation: string; readonly text: string };

/** By which measure a validation is the best. */
export type BestBy = 'loss' | 'rougeL' | 'exactMatch';

/**
 * A run as data: given as options, with the same models and data, it is the same run. It is plain JSON, so that a file,
 * a message to a worker or a form may hold it.
 */
export type RunSettings = Omit<
  RunOptions,
  'epochs' | 'steps' | 'maxNewTokens' | 'validation' | 'arithmetic' | 'dataDigest'
> & {
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  /** New tokens of the longest answer. */
  readonly maxNewTokens: number;
  /** How often, in steps, and by what the student is judged. */
  readonly validation: Omit<RunOptions['validation'], 'every' | 'bestBy'> & {
    /** Optimizer steps between validations. */
    readonly every: number;
    /** The measure that chooses the best. */
    readonly bestBy: BestBy;
  };
  /** How the device adds products, as its `info` says: it decides the last bits of every number. */
  readonly arithmetic: DeviceInfo['arithmetic'];
  /** SHA-256 of each set of samples. */
  readonly dataDigest: Digests;
};

/** The settings of a run of `distill`: they have a loss and all that steers it. */
export type DistillSettings = RunSettings &
  Required<
    Pick<RunSettings, 'loss' | 'kdRatio' | 'answers' | 'sgo' | 'pairs' | 'curriculum' | 'generation' | 'compareEvery'>
  >;

/**
 * Fills in what depends on data and models.
 * @param room new tokens that every answer may have, whatever its prompt
 * @throws CompatibilityError when the options have digests of other data, or another arithmetic than the device;
 * OptionError for more steps than can be counted
 */
export function resolveSettings(
  { epochs = 0, steps, maxNewTokens, validation, arithmetic, dataDigest, ...options }: RunOptions,
  {
    stepsPerEpoch,
    room,
    device,
    digests,
  }: { stepsPerEpoch: number; room: number; device: DeviceInfo; digests: Digests },
): RunSettings {
  for (const set of ['train', 'validation', 'text'] as const) {
    const [found, expected] = [digests[set], dataDigest[set]];
    if (expected === undefined || found === expected) continue;
    throw new CompatibilityError(
      `training: data.${set} has the digest ${found}, dataDigest.${set} is ${expected}. Give the data that the settings were made for.`,
      { found, expected },
    );
  }
  if (arithmetic !== undefined && arithmetic !== device.arithmetic) {
    throw new CompatibilityError(
      `training: arithmetic is ${arithmetic}, that of the device is ${device.arithmetic} (${device.description}). ` +
        'Open the device that the settings were made for, or leave arithmetic out.',
      { found: arithmetic, expected: device.arithmetic },
    );
  }
  const total = steps ?? stepsPerEpoch * epochs;
  if (!Number.isSafeInteger(total)) {
    throw new OptionError(
      `training: epochs is ${epochs}, of ${whole(stepsPerEpoch)} steps each, expected a run of at most 2^53 - 1 steps. Lower it.`,
      { option: 'epochs', found: epochs },
    );
  }
  const { every, rougeL } = validation;
  const bestBy = validation.bestBy ?? (rougeL.samples > 0 ? 'rougeL' : 'loss');
  return {
    ...options,
    steps: total,
    maxNewTokens: maxNewTokens ?? Math.max(1, Math.min(256, room)),
    validation: { every: every === 'epoch' ? stepsPerEpoch : every, bestBy, rougeL },
    arithmetic: device.arithmetic,
    dataDigest: digests,
  };
}

/** A setting of which a resumed run has another value than the run began with. */
export interface ChangedSetting {
  /** 'optimizer.weightDecay' */
  readonly name: string;
  /** undefined where there was none, as in `is`. */
  readonly was: unknown;
  readonly is: unknown;
}

/** All settings that differ, except those that a resumed run may change. */
export function changedSettings(began: object, goesOn: object): ChangedSetting[] {
  const [was, is] = [flattened(began), flattened(goesOn)];
  const free = new Set(leavesOf(distillOptions).flatMap(({ path, mayChange }) => (mayChange ? [path.join('.')] : [])));
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((name) => !free.has(name) && JSON.stringify(was.get(name)) !== JSON.stringify(is.get(name)))
    .map((name) => ({ name, was: was.get(name), is: is.get(name) }));
}

/** { optimizer: { lr: 1 } } -> 'optimizer.lr' => 1. Lists are values. */
export function flattened(value: object, prefix = ''): Map<string, unknown> {
  const entries = Object.entries(value).flatMap(([name, inside]): [string, unknown][] =>
    inside !== null && typeof inside === 'object' && !Array.isArray(inside)
      ? [...flattened(inside, `${prefix}${name}.`)]
      : [[prefix + name, inside]],
  );
  return new Map(entries);
}

/** Whether the answers of the data are trained on: where they are not, prompts are all that the data need. */
export const readsAnswers = ({
  sgo = dataOnly(),
  answers,
  pairs,
}: { readonly [Name in 'sgo' | 'answers' | 'pairs']?: RunSettings[Name] | undefined }): boolean =>
  answers !== 'teacher' && (policyFacts(sgo).usesData || pairs === true);

/** Updates of the student by the samples of one step. */
export const updatesOf = ({ objective }: Pick<RunSettings, 'objective'>): number => objective?.updates ?? 1;

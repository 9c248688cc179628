/** The options of `distillm train`: those of a run come from its schemas, the others name files and models. */
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { losses } from '../../distill/losses/index.js';
import { distillationOptions, distillOptions, fineTuneOptions } from '../../distill/settings.js';
import { policies } from '../../distill/sgo/index.js';
import { weightFormats } from '../../entries/tensor.js';
import { type MethodName, type MethodSettings, methods, OptionError } from '../../index.js';
import { leavesOf, withoutDefault } from '../../settings/index.js';
import { type ConfigNames, configOption } from '../config.js';
import { recordOptions } from '../data.js';
import { flagsByKind, flagsByPath, flagsOf, foreignFlag, kindFlags, kindFlagsOf, optionsFrom } from '../flags.js';
import { loraFlags, loraFlagsByPath } from '../lora.js';
import { dtypeOption, sourceWords, tokenizerWords } from '../models.js';
import {
  choice,
  count,
  flag,
  flagOf,
  listed,
  optional,
  required,
  requiredUnless,
  text,
  type Values,
  withDefault,
} from '../options.js';
import { asTyped, exclusive, type Rule } from '../rules.js';
import { teachersProblem } from '../teachers.js';
import { templateOption } from '../template.js';

/** A number is never the name of a file: 0.1 may be meant as a share. */
const heldOut = text.transform((value, context): (number | string)[] => {
  if (/^\d+$/.test(value)) return [Number(value)];
  if (Number.isNaN(Number(value.replace(/%$/, '')))) return [value];
  context.addIssue({ code: 'custom', message: 'a file, or a whole number of records' });
  return z.NEVER;
});

const methodNames = Object.keys(methods) as [MethodName];

/** How data are read: of trainings, and of what is made for them. */
export const readingOptions = {
  data: required(
    '<file...>',
    listed,
    'JSON lines, or one JSON array, of instruction, input (or context) and output (or response), of prompt and completion, of ' +
      'messages, or as Self-Instruct, Super-NaturalInstructions, SAMSum, DialogSum and translations are published; one of two files that ' +
      'translate each other (x.en-de.en); .gz as well',
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
};

const teachers = methodNames.filter((name) => methods[name].hasTeacher);

const dataOptions = {
  method: withDefault('<name>', choice(methodNames), `how to train: ${methodNames.join(', ')}`, 'distillm'),
  ...readingOptions,
  text: optional('<file...>', listed, 'plain text, for an additional language modelling loss'),
};

const modelOptions = {
  student: optional('<source>', text, `the model to train: ${sourceWords}`),
  studentConfig: optional('<file>', text, 'instead of --student: random weights by --seed, sized by this config.json'),
  teacher: optional(
    '<source...>',
    listed,
    `the teacher (${teachers.join(', ')}), from the same kinds of sources; several each with a name before it, ` +
      'math=SOURCE code=SOURCE, and --teacher-field',
  ),
  teacherField: optional(
    '<field>',
    text,
    'the field of a record of --data that names its teacher, of several; it teaches that record alone',
  ),
  teacherCache: optional(
    '<folder>',
    text,
    'in place of --teacher: its predictions on the data, as cache-teacher wrote them; with kd, or --sgo dataOnly',
  ),
  teacherDtype: dtypeOption,
  studentDtype: optional(
    '<dtype>',
    choice(weightFormats),
    'with --lora, or for a student that is an adapter: how the matrices beside it are held; int8 and int4 are QLoRA (default: f32)',
  ),
  ...loraFlags,
  tokenizer: optional(
    '<source>',
    text,
    `${tokenizerWords} (default: the student's, then the teacher's; needed where these end answers differently)`,
  ),
};

const lossNames = Object.keys(losses) as [keyof typeof losses];
const policyNames = Object.keys(policies) as [keyof typeof policies];

/** Options of a distillation that are about the student's own answers. */
const ofOutputs = { generation: true, pairs: true, curriculum: true } as const;

const lossOptions = {
  loss: optional('<name>', choice(lossNames), `divergence: ${lossNames.join(', ')} (default: that of the method)`),
  ...kindFlagsOf(losses, methods),
  ...flagsOf(distillationOptions.omit(ofOutputs)),
};

/** Those that say which divergence it is. */
export const divergenceOptions: readonly string[] = ['loss', ...Object.keys(kindFlags(losses))];

/** Begins the flags of `studentLoss`: `--student-alpha`. */
export const studentPrefix = 'student';

const studentOutputOptions = {
  sgo: optional(
    '<name>',
    choice(policyNames),
    `policy, what to train on step by step: ${policyNames.join(', ')} (default: that of the method)`,
  ),
  ...kindFlags(policies),
  studentLoss: optional(
    '<name>',
    choice(lossNames),
    "divergence that is minimised on the student's own answers, where that is another than --loss",
  ),
  ...kindFlags(losses, studentPrefix),
  ...flagsOf(distillationOptions.pick(ofOutputs)),
};

const runOptions = flagsOf(fineTuneOptions, { epochs: '20; sft: 3', rougeSamples: '100; sft: 0' });

const outputOptions = {
  out: requiredUnless(
    'dryRun',
    '<folder>',
    text,
    'where to write; a run that is there already is not overwritten; --dry-run needs none',
  ),
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

/** The same name may stand for flags of several losses: 'loss.alpha'. */
const runPaths: readonly (readonly [path: string, flag: string])[] = [
  // A policy's own messages have its options without the group; a name that the run has too is the run's.
  ...Object.values(policies).flatMap(({ options }) => [...flagsByPath(options), ...flagsByPath(options, 'sgo.')]),
  ...Object.values(losses).flatMap(({ options }) => [
    ...flagsByPath(options, 'loss.'),
    ...flagsByPath(options, 'studentLoss.', studentPrefix),
  ]),
  ...flagsByPath(methods.minillm.options, 'objective.'),
  ...flagsByPath(distillOptions),
  ...loraFlagsByPath,
  ['totalSteps', 'steps'],
  ['loss', 'loss'],
  ['sgo', 'sgo'],
  ['loss.kind', 'loss'],
  ['studentLoss', 'studentLoss'],
  ['studentLoss.kind', 'studentLoss'],
  ['sgo.kind', 'sgo'],
  ['data.train', 'data'],
  ['data.validation', 'validation'],
  ['data.text', 'text'],
  ['validation.rougeL', 'rougeSamples'],
];

/** The flags of a run's options by what messages of the API call these: 'sgo.guard.cap' is that of --phi-cap. */
export const runFlags: ReadonlyMap<string, string> = new Map(runPaths);

/** Those of them whose values are words. */
export const runChoices: readonly string[] = [
  ...leavesOf(distillOptions)
    .filter(({ schema }) => [z.ZodEnum, z.ZodDiscriminatedUnion].some((kind) => withoutDefault(schema) instanceof kind))
    .map(({ path }) => path.join('.')),
];

/** Flags by what others call them: '--learning-rate' is '--lr'. */
const flagsAlsoCalled: ReadonlyMap<string, string> = new Map(
  leavesOf(distillOptions).flatMap(({ alsoCalled = [], flag }) =>
    typeof flag === 'string' ? alsoCalled.map((name) => [flagOf(name), flagOf(flag)] as const) : [],
  ),
);

const joined = (name: string): string => name.replace(/[.\-_]/g, '').toLowerCase();

/** Options by another name of theirs: 'learningRate', or as the API nests them, 'loss.alpha', 'lossAlpha', '--loss-alpha'. */
export function optionsCalled(written: string): readonly string[] {
  const flag = flagsAlsoCalled.get(flagOf(written.replace(/^--/, '')));
  const called = runPaths.filter(([path, option]) =>
    flag === undefined ? joined(path) === joined(written) : flagOf(option) === flag,
  );
  // The shortest is the plainest: alpha before divergenceAlpha.
  return [...new Set(called.map(([, option]) => option))].sort((one, other) => one.length - other.length);
}

/** A setting that a method has, and no flag. */
export const objectiveKind = 'objective.kind';

/** What `--config` knows beside the names of flags. */
export const configNames: ConfigNames = {
  flags: runFlags,
  flagsOfKinds: new Map([
    ['loss', flagsByKind(losses, 'loss.')],
    ['studentLoss', flagsByKind(losses, 'studentLoss.', studentPrefix)],
    ['sgo', flagsByKind(policies, 'sgo.')],
  ]),
  optionsCalled,
  replacedBy: new Map([
    ['steps', ['epochs']],
    ['epochs', ['steps']],
    ['student', ['studentConfig']],
    ['studentConfig', ['student']],
    ['loss', Object.keys(kindFlags(losses))],
    ['sgo', Object.keys(kindFlags(policies))],
    ['studentLoss', Object.keys(kindFlags(losses, studentPrefix))],
  ]),
  passedOn: ['dataDigest', objectiveKind],
};

export const trainOptions = {
  Data: dataOptions,
  Models: modelOptions,
  Distillation: lossOptions,
  'Student outputs': studentOutputOptions,
  Training: runOptions,
  Output: outputOptions,
};

export type TrainOptions = Values<
  typeof dataOptions & typeof modelOptions & typeof lossOptions & typeof studentOutputOptions & typeof outputOptions
> & {
  /** From a file of settings, see `RunSettings`. */
  readonly dataDigest?: { readonly train?: string; readonly validation?: string; readonly text?: string };
};

/** What is held out: files together, or the last number that was given. `trainRules` refuses both together. */
export function heldOutOf({
  validation = [],
}: Partial<Pick<TrainOptions, 'validation'>>): string[] | number | undefined {
  const files = validation.filter((each) => typeof each === 'string');
  return files.length > 0 ? files : validation.findLast((each) => typeof each === 'number');
}

/** The names of the flags of what a method has of its own. */
const flagsOfMethod = (method: MethodName): readonly string[] => Object.keys(flagsOf(methods[method].options));

/** The settings of the method, as its own options make them. @throws OptionError for options that do not go together */
export function presetOf(given: GivenOptions): MethodSettings {
  const method = methods[given.method ?? 'distillm'];
  return method(optionsFrom(method.options, given) as never);
}

/** Options that a method has no use for. */
export function foreignTo({ method = 'distillm', answers }: GivenOptions): readonly string[] {
  const { hasTeacher, hasStudentOutputs } = methods[method];
  const notOfOthers = new Set([...flagsOfMethod(method), ...divergenceOptions]);
  const ofOthers = Object.keys(kindFlags(methods)).filter((flag) => !notOfOthers.has(flag));
  const settings: MethodSettings = methods[method]();
  const drawing = (answers ?? settings.answers) === 'teacher' ? drawingOptions : [];
  const aboutOutputs = Object.keys(studentOutputOptions).filter((flag) => !drawing.includes(flag));
  return [
    ...(hasTeacher ? [] : ['teacher', 'teacherField', 'teacherCache', 'teacherDtype', ...Object.keys(lossOptions)]),
    ...(hasStudentOutputs ? [] : aboutOutputs),
    ...ofOthers,
  ];
}

/** Options without those that the method has of its own. */
export function notOfMethod<Given extends GivenOptions>(options: Given): Partial<Given> {
  const own = new Set(flagsOfMethod(options.method ?? 'distillm'));
  return Object.fromEntries(Object.entries(options).filter(([name]) => !own.has(name))) as Partial<Given>;
}

/** Options of another loss or policy than those that are chosen. */
function ofOtherKinds(given: GivenOptions): string | undefined {
  const { method = 'distillm' } = given;
  const preset: MethodSettings = methods[method]();
  const loss = given.loss ?? preset.loss?.kind;
  const sgo = policyOf(given);
  const studentLoss = given.studentLoss ?? preset.studentLoss?.kind;
  const idle = Object.keys(kindFlags(losses, studentPrefix)).find(
    (name) => given[name as keyof GivenOptions] !== undefined,
  );
  if (!studentLoss && idle !== undefined)
    return `${flagOf(idle)} is about --student-loss, which is not given. Leave it out, or give that.`;
  return (
    (loss && foreignFlag('loss', losses, loss, notOfMethod(given))) ??
    (sgo && foreignFlag('sgo', policies, sgo, given)) ??
    (studentLoss && foreignFlag('student loss', losses, studentLoss, given, studentPrefix))
  );
}

/** An option of the method that says something of its loss or policy alone, where another one is chosen. */
function overruled(given: GivenOptions): string | undefined {
  const { method = 'distillm' } = given;
  const replaced = ['loss', 'sgo'].filter((name) => given[name as keyof GivenOptions] !== undefined);
  if (replaced.length === 0) return undefined;
  for (const name of flagsOfMethod(method)) {
    const value = given[name as keyof GivenOptions];
    if (value === undefined) continue;
    const changed = changedBy(name, value, method);
    if (changed.length > 0 && changed.every((each) => replaced.includes(each))) {
      const by = replaced.map((each) => asTyped(each, given[each as keyof GivenOptions])).join(' and ');
      return `${asTyped(name, value)} is about what --method ${method} sets, and ${by} takes its place. Leave one of them out.`;
    }
  }
  return undefined;
}

/** The settings that an option of the method changes: none where its value is out of range, which is told where options are read. */
function changedBy(name: string, value: unknown, method: MethodName): readonly string[] {
  try {
    const usual: Readonly<Record<string, unknown>> = { ...presetOf({ method }) };
    const changed: Readonly<Record<string, unknown>> = { ...presetOf({ method, [name]: value }) };
    return Object.keys({ ...usual, ...changed }).filter((key) => !isDeepStrictEqual(usual[key], changed[key]));
  } catch (error) {
    if (error instanceof OptionError) return [];
    throw error;
  }
}

/** How any model draws its answers, the teacher as well. */
const drawingOptions = ['generationTemperature', 'generationTopK', 'generationTopP'];

/** The policy of a run by its options, where it has one. */
function policyOf({ method = 'distillm', sgo }: GivenOptions): keyof typeof policies | undefined {
  const settings: MethodSettings = methods[method]();
  return sgo ?? settings.sgo?.kind;
}

/** As `trainRules` sees them: those that were given, by their names. */
type GivenOptions = Partial<TrainOptions> & { readonly answers?: 'data' | 'teacher'; readonly kdRatio?: number };

/** Of `readingOptions`. */
export const readingRules: readonly Rule[] = [
  (given) => {
    const { validation = [] } = given as GivenOptions;
    return new Set(validation.map((each) => typeof each)).size < 2
      ? undefined
      : `--validation is ${validation.join(' and ')}, expected files or a number. Leave one out.`;
  },
  ({ maxPromptLength, maxLength }) =>
    maxPromptLength === undefined || maxLength === undefined || Number(maxPromptLength) < Number(maxLength)
      ? undefined
      : `--max-length is ${maxLength}, expected more than --max-prompt-length (${maxPromptLength}).`,
];

/** What can be said of the options before any file is looked at. */
export const trainRules: readonly Rule[] = [
  ...readingRules,
  exclusive('epochs', 'steps', 'each is the length of the run'),
  exclusive('student', 'studentConfig', 'each is the model to train'),
  exclusive('teacher', 'teacherCache', 'each is what to learn from'),
  exclusive('teacherDtype', 'teacherCache', 'the predictions of a cache need no model'),
  exclusive('teacherField', 'teacherCache', 'a cache has the predictions of one teacher'),
  (given) => {
    const policy = policyOf(given as GivenOptions);
    return given.teacherCache === undefined || policy === undefined || !policies[policy].generates
      ? undefined
      : `--sgo ${policy} trains on the student's own answers, and --teacher-cache has predictions on those of the data alone. Give ` +
          '--method kd or --sgo dataOnly, or the teacher itself.';
  },
  (given) => {
    const { student, studentConfig, teacher, teacherCache, tokenizer, method = 'distillm' } = given as GivenOptions;
    if (student === undefined && studentConfig === undefined) {
      return 'train needs the model to train: --student <source>, or --student-config <file> for random weights.';
    }
    if (methods[method].hasTeacher && teacher === undefined && teacherCache === undefined) {
      return (
        `--method ${method} needs --teacher <source>, the model to learn from, or --teacher-cache <folder>. Without a teacher: ` +
        '--method sft.'
      );
    }
    if (student !== undefined || teacher !== undefined || tokenizer !== undefined) return undefined;
    return '--student-config makes a new model, which needs --tokenizer <source>. The command tokenizer trains one.';
  },
  (given) => {
    const { method = 'distillm' } = given as GivenOptions;
    const misplaced = foreignTo(given as GivenOptions).find((name) => given[name] !== undefined);
    return misplaced === undefined
      ? undefined
      : `${flagOf(misplaced)} does nothing with --method ${method}. Leave it out, or choose another method.`;
  },
  (given) => teachersProblem(given as GivenOptions),
  (given) => {
    const { method = 'distillm', kdRatio, answers } = given as GivenOptions;
    const settings: MethodSettings = methods[method]();
    if ((kdRatio ?? settings.kdRatio) !== 0) return undefined;
    if (given.teacherField !== undefined && (answers ?? settings.answers) !== 'teacher') {
      return '--teacher-field chooses among teachers, and with --kd-ratio 0 nothing is learnt from any. Leave it out, or raise --kd-ratio.';
    }
    const compares = Number(given.compareEvery) > 0 ? ['compareEvery'] : [];
    const idle = [...divergenceOptions, ...compares].find((name) => given[name] !== undefined);
    return idle === undefined
      ? undefined
      : `${asTyped(idle, given[idle])} is about the divergence, and --kd-ratio is 0: cross-entropy alone is learnt. Leave it out, or ` +
          'raise --kd-ratio.';
  },
  (given) => overruled(given as GivenOptions),
  (given) => ofOtherKinds(given as GivenOptions),
  ({ lmCoef, text }) =>
    lmCoef === undefined || text !== undefined
      ? undefined
      : '--lm-coef weighs the loss on --text, which is not given. Give it, or leave --lm-coef out.',
  (given) => {
    const sgo = policyOf(given as GivenOptions);
    if (heldOutOf(given as GivenOptions) !== 0) return undefined;
    if (sgo && policies[sgo].usesValidation) {
      return (
        `--sgo ${sgo} follows the validation loss, and --validation 0 holds nothing out. Hold some records out, or give ` +
        '--sgo dataOnly.'
      );
    }
    const idle = validatingOptions.find((name) => given[name] !== undefined && given[name] !== 0);
    return idle === undefined
      ? undefined
      : `${asTyped(idle, given[idle])} is about validations, and --validation 0 holds nothing out. Leave one of them out.`;
  },
  ({ bestBy, rougeSamples }) =>
    bestBy === undefined || bestBy === 'loss' || rougeSamples !== 0
      ? undefined
      : `--best-by ${bestBy} needs answers that are scored, and --rouge-samples is 0. Leave one of them out.`,
  ({ dryRun, profile }) =>
    dryRun === undefined || typeof profile !== 'string'
      ? undefined
      : `--dry-run writes nothing, and --profile ${profile} is a file. Leave its name out.`,
];

/** Options that only say how validations go. */
export const validatingOptions = ['validationOrder', 'validateEvery', 'bestBy', 'rougeSamples', 'rougeTemperature'];

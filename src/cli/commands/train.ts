/** `distillm train`: fine-tunes or distils a model, shows and logs the run, and saves it at Ctrl-C. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type * as z from 'zod';
import { type Divergence, losses } from '../../distill/losses/index.js';
import { distillationOptions, fineTuneOptions, readsAnswers } from '../../distill/settings.js';
import { policies, policyFacts, type SgoPolicy } from '../../distill/sgo/index.js';
import {
  type BestValidation,
  type Checkpoint,
  CheckpointError,
  type CheckpointEvent,
  CompatibilityError,
  checkTokenizer,
  type Device,
  DeviceError,
  distill,
  type EndEvent,
  eosDifference,
  fineTune,
  type InstructionData,
  type LanguageModel,
  loadModel,
  loadTokenizer,
  type MemoryEstimate,
  type MethodName,
  methods,
  numParameters,
  OptionError,
  openFolder,
  openTeacherCache,
  type RunSettings,
  readInstructions,
  readText,
  requireMemory,
  type Sample,
  type TeacherCache,
  type Tokenizer,
  type TrainingEvent,
  type TrainingRun,
} from '../../index.js';
import { quotedPath } from '../../inWords.js';
import { isFullDisk } from '../../systemReason.js';
import { defineCommand } from '../command.js';
import { readConfig } from '../config.js';
import { kindOfData, recordNames, skipping } from '../data.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { memoryLines, memoryTable, printEstimate } from '../estimate.js';
import { type ExitCode, exitCodes } from '../exitCodes.js';
import { makeKind, optionsFrom } from '../flags.js';
import { bytes, counted, countedOf, duration, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import type { Interrupt } from '../interrupts.js';
import { type DecidedOptions, hasOptions, keepOptions, optionsOfRun, wasGiven } from '../keptOptions.js';
import { type Log, openLog } from '../log.js';
import { loraFrom } from '../lora.js';
import { findTokenizer, hasTokenizer, lengthLimits, openModelFolder, openStudent, requireRoom } from '../models.js';
import { given, type OptionTable, spellFlags, type Values } from '../options.js';
import { optionsFile } from '../optionsFile.js';
import { holdsRun, logFile, namesIn, refuseAddress, tryApart, tryFile, tryFolder, tryLog } from '../outputs.js';
import { measuredBy, progressLine, trainingProgress } from '../progress.js';
import { drawnSample, maskInWords, samplePieces } from '../sample.js';
import { byNames, type NamedSource, namedSources, teachersInData } from '../teachers.js';
import { chooseTemplate } from '../template.js';
import { type Board, openBoard, tryBoard } from '../tensorboard/board.js';
import { note, noted, shellWord, type Terminal, wrapped } from '../terminal.js';
import {
  configNames,
  divergenceOptions,
  foreignTo,
  heldOutOf,
  notOfMethod,
  objectiveKind,
  presetOf,
  runChoices,
  runFlags,
  studentPrefix,
  type TrainOptions,
  trainOptions,
  trainRules,
  validatingOptions,
} from './trainOptions.js';

export const train = defineCommand({
  name: 'train',
  summary: 'trains a model: supervised, or by distillation from a teacher (KD, GKD, DistiLLM and others)',
  description:
    'Trains a model on instruction data, and writes Hugging Face folders: OUT/best (by validation) and OUT/last; from the ' +
    'states beside them --resume goes on. Ctrl-C saves and stops, as does a terminal that is closed. The result is one line ' +
    'of JSON on stdout.\n\n' +
    Object.values(methods)
      .map(({ kind, summary }) => `${kind}: ${summary}.`)
      .join('\n'),
  example: [
    'distillm train --method distillm --teacher ./teacher --student ./student --data dolly.jsonl --validation 1000 \\',
    '  --epochs 20 --batch-size 8 --loss skewReverseKL --alpha 0.1 --out runs/dolly',
  ].join('\n'),
  options: { ...trainOptions, Device: deviceOptions },
  rules: [...trainRules, ...deviceRules],
  async fromFile({ config, ...typed }, table, terminal) {
    const { resume, out } = typed;
    const ofFile: Readonly<Record<string, unknown>> =
      config === undefined ? {} : await fromConfig(config, table, typed);
    if (resume && out === undefined && ofFile.out === undefined) {
      throw new OptionError('train --resume needs --out <folder>, the folder of the run that goes on.');
    }
    if (!resume || out === undefined) return ofFile;
    const wanted = { ...ofFile, ...typed };
    if (wanted.data === undefined && !holdsRun(out)) throw noRun(out, terminal);
    const ofRun = await optionsOfRun(out, table, { names: configNames, typed: wanted });
    return { ...ofFile, ...ofRun, ...(config !== undefined && { config }) };
  },
  async run(options, terminal) {
    // Its results are files: a log's reader that dies is no reason to lose a run.
    terminal.outliveReaders();
    loraFrom(options, 0);
    const { out } = options;
    if (out !== undefined) await checkOutput({ ...options, out }, terminal);
    checkInputs(options);
    const studentSource =
      options.student === undefined ? undefined : await openModelFolder('--student', options.student, terminal);
    const teacherSources: (readonly [NamedSource, Checkpoint])[] = [];
    for (const each of namedSources(options)) {
      teacherSources.push([each, await openModelFolder('--teacher', each.source, terminal)]);
    }
    const sources = [studentSource, ...teacherSources.map(([, source]) => source)];
    const teacherCache = options.teacherCache === undefined ? undefined : await openTeacherCache(options.teacherCache);
    // Made first: loading may take minutes.
    const distils = teacherSources.length > 0 || teacherCache !== undefined;
    const distilling = distils ? await distillationOf(options, teacherSources) : undefined;
    return withDevice(options, terminal, async (device) => {
      terminal.stderr.write(`Device: ${device.info.description}\n`);
      const tokenizer = await findTokenizer(options.tokenizer, sources);
      const seed = fineTuneOptions.shape.seed.parse(optionsFrom(fineTuneOptions, options).seed);
      const lora = loraFrom(options, seed);
      const open = async (on: Device, note: (text: string) => void): Promise<Models> => ({
        ...(await loadTeachers(teacherSources, { device: on, ...given({ dtype: options.teacherDtype }) })),
        student: await openStudent(
          { ...options, student: studentSource, seed, lora },
          { ...{ device: on, tokenizer, note }, positions: options.maxLength ?? 512 },
        ),
      });
      // Tried for size: no weight is read before it is known that all will fit.
      const sized = await open(device.meta(), (text) => note(terminal.stderr, text));
      const limits = lengthLimits(options, [sized.student, ...teacherModels(sized)]);
      checkEndTokens(options, { tokenizer, student: sized.student }, distilling?.tokenizersOfTeachers ?? []);
      await checkLeast(sized, options, { limits, distilling, tokenizer });
      const { areChats, haveT5Prefix } = await kindOfData(options.data, options);
      const template = await chooseTemplate(options.template, [...sources, templateOf(teacherCache)], {
        ...{ tokenizer, areChats, prefersT5: haveT5Prefix && sized.student.numEncoderLayers !== undefined },
        say: (text) => note(terminal.stderr, text),
      });
      requireRoom(template, [sized.student, ...teacherModels(sized)], { tokenizer, ...limits });
      const data = await readInstructions(options.data, {
        ...{ template, tokenizer, ...limits, ...recordNames(options), validation: heldOutOf(options) ?? 'tenth' },
        ...given({ validationOrder: options.validationOrder }),
        ...teachersInData(options),
        answers: distilling && !readsAnswers(distilling.options) ? 'optional' : 'required',
        skipInvalid: skipping(terminal.stderr, options.skipInvalid),
      });
      noteUnanswered(data, options, terminal);
      describe(terminal, { ...sized, teacherCache, data });
      const text =
        options.text === undefined
          ? undefined
          : await readText(options.text, {
              ...{ tokenizer, length: limits.maxLength, limit: textSamples(options, data), seed },
              skipInvalid: skipping(terminal.stderr, options.skipInvalid),
            });
      const { resume, fallbackOut, dataDigest }: TrainOptions = options;
      const shared = {
        ...runOptions(options, data),
        ...{ tokenizer, resume },
        ...given({ checkpoint: out, arithmetic: options.arithmetic, fallbackOut, dataDigest }),
        data: { ...data, ...given({ text }) },
      };
      const runOf = ({ teacher, teachers, student }: Models, signal: AbortSignal) =>
        distilling
          ? distill({
              ...distilling.options,
              ...shared,
              ...given({ teacher, teachers, teacherCache }),
              student,
              signal,
            })
          : fineTune({ ...shared, model: student, signal });
      const plan = runOf(sized, new AbortController().signal);
      const samples = Math.max(data.train.length, data.validation.length);
      checkMemory(await plan.memory(), {
        ...{ device, terminal, dryRun: options.dryRun, samples },
        settings: plan.settings,
      });
      if (options.dryRun) {
        terminal.stderr.write(
          'Reading the weights, then measuring: a few seconds, of large models about half a minute ...\n',
        );
      }
      const models = await open(device, () => {});
      const start = (signal: AbortSignal) => runOf(models, signal);
      // Only a dry run is without.
      if (options.dryRun || out === undefined) {
        showSample(data, tokenizer, terminal);
        return estimated(start(terminal.signal ?? new AbortController().signal), terminal);
      }
      const { method, validationOrder = 'random', teacherDtype = 'f32' } = options;
      const decided = { method, template: template.name, ...limits, validationOrder, teacherDtype };
      const written = { ...options, out };
      const ended = await follow(start, { options: written, decided, validates: data.validation.length > 0 }, terminal);
      return report(ended, written, terminal);
    });
  },
});

/** One teacher, several by their names, or none. */
interface Teachers {
  readonly teacher?: LanguageModel;
  readonly teachers?: Readonly<Record<string, LanguageModel>>;
}

/** Options of a run that writes. */
type WritingOptions = TrainOptions & { readonly out: string };

interface Models extends Teachers {
  readonly student: LanguageModel;
}

const teacherModels = ({ teacher, teachers = {} }: Teachers): LanguageModel[] =>
  teacher ? [teacher] : Object.values(teachers);

async function loadTeachers(
  sources: readonly (readonly [NamedSource, Checkpoint])[],
  how: Parameters<typeof loadModel>[1],
): Promise<Teachers> {
  const models: (readonly [NamedSource, LanguageModel])[] = [];
  for (const [named, source] of sources) models.push([named, await loadModel(source, how)]);
  const { one, several } = byNames(models);
  return given({ teacher: one, teachers: several });
}

/**
 * Before data are read: whether the vocabularies are one, and whether a run of one sample of two tokens fits, for every run takes as
 * much. Where it does not, what is
 * advised is what would fit with batches of the size that is asked for, of the longest sequences.
 * @throws LimitError, CompatibilityError
 */
async function checkLeast(
  { student, ...teaching }: Models,
  options: TrainOptions,
  { limits: { maxLength, maxPromptLength }, distilling, tokenizer }: Asked,
): Promise<void> {
  const isTaught = teacherModels(teaching).length > 0;
  // One sample of each teacher.
  const [first, ...others] = Object.keys(teaching.teachers ?? {});
  const taught = (sample: Sample) =>
    first === undefined ? [sample] : [first, ...others].map((teacher) => ({ ...sample, teacher }));
  const least = { data: { train: taught({ ids: Int32Array.of(0, 0), promptLength: 1 }) }, steps: 1, batchSize: 1 };
  const tokenizers = distilling && {
    tokenizer,
    ...given({
      teacherTokenizer: distilling.options.teacherTokenizer,
      teacherTokenizers: distilling.options.teacherTokenizers,
    }),
  };
  const { fits } = await (isTaught && distilling
    ? distill({ ...least, ...teaching, ...tokenizers, student, loss: distilling.options.loss })
    : fineTune({ ...least, model: student })
  ).memory();
  if (fits) return;
  const promptLength = Math.max(1, Math.min(maxPromptLength, maxLength - 1));
  const longest = { ids: new Int32Array(maxLength), promptLength };
  const { optimizer, batchSize, gradAccumulationSteps, gradientCheckpointing, maxNewTokens, validation } = runOptions(
    options,
    { validation: [longest] },
  );
  const asked = {
    ...given({ optimizer, batchSize, gradAccumulationSteps, gradientCheckpointing, maxNewTokens }),
    ...{ tokenizer, steps: 1, validation: { rougeL: validation?.rougeL ?? {} } },
    ...(options.resume && { ...given({ checkpoint: options.out }), resume: true }),
    data: {
      train: Array.from({ length: fineTuneOptions.shape.batchSize.parse(batchSize) }, () => taught(longest)).flat(),
      validation: [longest],
    },
  };
  requireMemory(
    await (isTaught && distilling
      ? distill({ ...distilling.options, ...asked, ...teaching, student })
      : fineTune({ ...asked, model: student })
    ).memory(),
  );
}

/** What a run is asked for, besides its options. */
interface Asked {
  readonly limits: ReturnType<typeof lengthLimits>;
  readonly distilling: Awaited<ReturnType<typeof distillationOf>> | undefined;
  readonly tokenizer: Tokenizer;
}

/** Says what a run will take. @throws LimitError where it does not fit */
function checkMemory(
  memory: MemoryEstimate,
  {
    device,
    terminal: { stdout, stderr },
    dryRun,
    samples,
    settings,
  }: { device: Device; terminal: Terminal; dryRun: boolean; samples: number; settings: RunSettings },
): void {
  if (dryRun && !memory.fits) stdout.write(`${JSON.stringify({ dryRun, memory, settings })}\n`);
  requireMemory(memory);
  const lines = dryRun ? memoryTable(memory, { settings, samples, device }) : memoryLines(memory, device);
  for (const line of lines) stderr.write(`${wrapped(line, stderr)}\n`);
}

function noRun(out: string, terminal: Terminal): CheckpointError {
  if (!hasOptions(out))
    return new CheckpointError(
      `--resume goes on with a run, and --out ${out} holds none. Check the path, or leave it out.`,
    );
  return new CheckpointError(
    `--resume goes on from a state, and the run in ${out} was stopped before its first. Start it again, without --resume:\n` +
      `  ${restartCommand(out, terminal)}`,
  );
}

async function fromConfig(config: string, table: OptionTable, typed: Partial<TrainOptions>) {
  const {
    lmCoef,
    [objectiveKind]: objective,
    ...values
  } = await readConfig(config, table, { names: configNames, typed });
  // Settings have the default of every option, also of what the run does not do.
  const isDefault = lmCoef === fineTuneOptions.shape.lmCoef.parse(undefined);
  const all = { ...values, ...given({ lmCoef: isDefault ? undefined : lmCoef }) };
  return values.dataDigest === undefined ? all : ofSettings(all, objective, typed);
}

/**
 * What the settings of a run stand for, which name no method: one whose preset has what no flag has. What does nothing in it is
 * left out, for a user who types it is told so.
 */
function ofSettings(
  values: Readonly<Record<string, unknown>>,
  objective: unknown,
  typed: Partial<TrainOptions>,
): Readonly<Record<string, unknown>> {
  const isAnswered = values.kdRatio === 0 && values.answers === 'teacher';
  const named =
    values.loss === undefined ? 'sft' : objective !== undefined ? 'minillm' : isAnswered ? 'seqkd' : undefined;
  const method = typed.method ?? (values.method as MethodName | undefined) ?? named;
  const held = heldOutOf({ validation: typed.validation ?? (values.validation as TrainOptions['validation']) });
  const idle = new Set([
    ...(values.kdRatio === 0 ? divergenceOptions : []),
    ...(held === 0 ? validatingOptions : []),
    ...foreignTo({ ...values, ...typed, ...given({ method }) } as Parameters<typeof foreignTo>[0]),
  ]);
  const kept = Object.entries(values).filter(([name]) => !idle.has(name));
  return { ...Object.fromEntries(kept), ...given({ method }) };
}

/**
 * The teacher teaches its own way to end an answer.
 * @throws OptionError where it is another than the student's, unless --tokenizer says which one counts
 */
function checkEndTokens(
  { tokenizer: named }: TrainOptions,
  { tokenizer, student }: { readonly tokenizer: Tokenizer; readonly student: LanguageModel },
  teachers: readonly (readonly [NamedSource, Tokenizer])[],
): void {
  for (const [teacher, own] of named === undefined ? teachers : []) {
    const difference = eosDifference(tokenizer, own);
    // Of two vocabularies `checkLeast` tells: the teacher's tokenizer would be refused.
    if (!difference || !couldRead(student, own, tokenizer)) continue;
    throw new OptionError(
      `the student's tokenizer ends answers with ${difference[0]}, ${whose(teacher)} with ${difference[1]}. Choose ` +
        `one by --tokenizer, the folder whose end token counts: for the teacher's, ${quotedPath(`--tokenizer ${teacher.source}`)}.`,
      { found: tokenizer.eosTokenId, expected: own.eosTokenId },
    );
  }
}

/** Whether a model could be given this tokenizer in place of its own. */
function couldRead(model: LanguageModel, tokenizer: Tokenizer, own: Tokenizer): boolean {
  try {
    checkTokenizer(tokenizer, model, { own });
    return true;
  } catch (error) {
    if (error instanceof CompatibilityError) return false;
    throw error;
  }
}

const whose = ({ name }: NamedSource): string =>
  name === undefined ? "the teacher's" : `that of the teacher '${name}'`;

/** Held out is what answers can be compared with. */
function noteUnanswered({ train, validation }: InstructionData, options: TrainOptions, { stderr }: Terminal): void {
  const unanswered = train.filter(({ outputs }) => outputs.length === 0).length;
  if (unanswered === 0 || validation.length > 0 || heldOutOf(options) === 0) return;
  note(
    stderr,
    `${countedOf(unanswered, train.length, 'record', 'have')} no answer, so nothing is held out, and there is no validation. For one give ` +
      '--validation a file with answers.',
  );
}

/** Refuses to write over another run, over what no run wrote, and over the data. Models are not loaded yet. */
async function checkOutput(
  options: WritingOptions & Pick<Values<typeof deviceOptions>, 'profile'>,
  terminal: Terminal,
): Promise<void> {
  const { out, resume, fallbackOut, data, text = [], studentConfig, profile, tensorboard, dryRun } = options;
  const held = heldOutOf(options);
  // A dry run writes nothing, not even as a trial.
  const trial = { isWritten: !dryRun };
  // A run that goes on waits for room.
  tryFolder('--out', out, { isWritten: !dryRun && !resume });
  const isRun = holdsRun(out);
  if (isRun && !resume) {
    throw new OptionError(`--out ${out} holds a run already. Go on with it by --resume, or take another folder.`);
  }
  for (const name of isRun ? [] : ['best', 'last']) {
    const [first] = namesIn(join(out, name));
    if (first === undefined) continue;
    throw new OptionError(
      `--out ${out} has a folder ${name} already, with ${first} in it: it would be replaced. Take another folder.`,
    );
  }
  if (resume && !isRun) throw noRun(out, terminal);
  // A run that goes on elsewhere is found out before models are loaded.
  if (isRun && !dryRun) await tryLock(out);
  const inputs = [...data, ...text, studentConfig, ...(Array.isArray(held) ? held : [])];
  const log = logOf(options);
  tryApart({ '--out': out, '--fallback-out': fallbackOut, '--log': log, '--profile': profile });
  if (fallbackOut !== undefined) {
    tryFolder('--fallback-out', fallbackOut, trial);
    if (holdsRun(fallbackOut)) {
      throw new OptionError(
        `--fallback-out ${fallbackOut} holds a state of a run: it would be replaced. Go on from it by --resume --out ` +
          `${shellWord(fallbackOut)}, or take another folder.`,
      );
    }
  }
  if (tensorboard !== undefined) {
    tryBoard(tensorboard, { resume: resume || wasGiven(out, 'tensorboard', tensorboard), ...trial });
  }
  refuseAddress('--log', log);
  tryLog(log, out);
  // Its folder is made where it is missing.
  if (existsSync(dirname(log))) {
    // What a run without a state logged is nobody's any more.
    const isOwn = resume || resolve(log) === resolve(join(out, logName)) || wasGiven(out, 'log', log);
    tryFile('--log', log, logFile, inputs, { ...trial, isOwn });
  } else tryFolder('--log', dirname(log), trial);
}

/** @throws CheckpointError where another run writes to the folder. One on a full disk is the run's own affair: it waits */
async function tryLock(out: string): Promise<void> {
  const giveBack = await openFolder(out)
    .lock()
    .catch((error: unknown) => {
      if (!(error instanceof CheckpointError && isFullDisk(error.cause))) throw error;
    });
  await giveBack?.();
}

/** Refuses data that are not there. Models are not loaded yet. */
function checkInputs(options: TrainOptions): void {
  const held = heldOutOf(options);
  tryInputs('--data', options.data);
  if (Array.isArray(held)) tryInputs('--validation', held);
  tryInputs('--text', options.text);
  if (options.studentConfig !== undefined) tryInputs('--student-config', [options.studentConfig]);
}

const logName = 'log.jsonl';
const logOf = ({ log, out }: WritingOptions): string => log ?? join(out, logName);

/** A student learns best what the teacher predicted. */
const templateOf = (cache: TeacherCache | undefined) =>
  cache && { name: cache.name, promptTemplate: async () => cache.facts.data.template ?? undefined };

function describe(
  { stderr }: Terminal,
  models: Models & { teacherCache: TeacherCache | undefined; data: InstructionData },
): void {
  const { teacher, teachers = {}, teacherCache, student, data } = models;
  const size = (model: LanguageModel) => `${whole(numParameters(model))} parameters`;
  if (teacher) stderr.write(`Teacher: ${size(teacher)}\n`);
  for (const [name, model] of Object.entries(teachers)) {
    const own = data.train.filter((sample) => sample.teacher === name).length;
    stderr.write(`Teacher ${name}: ${size(model)}, of ${counted(own, 'record')}\n`);
  }
  if (teacherCache) {
    const { rows, bytes: held, facts } = teacherCache;
    const kept = `the ${counted(facts.topK, 'likeliest token')} each`;
    stderr.write(`Teacher: ${counted(rows, 'prediction')} in ${teacherCache.name}, ${kept}, ${bytes(held)}\n`);
  }
  const trained = student.adapter ? `, of which the ${whole(trainedSize(student))} of an adapter are trained` : '';
  const isTaught = teacherModels(models).length > 0 || teacherCache !== undefined;
  stderr.write(`${isTaught ? 'Student' : 'Model'}: ${size(student)}${trained}\n`);
  const { prompts, responses } = data.cut;
  const cut =
    prompts + responses > 0
      ? `; ${counted(prompts, 'prompt')} and ${counted(responses, 'answer')} were too long and cut`
      : '';
  const line =
    `Data: ${counted(data.train.length, 'record')}, ${whole(data.validation.length)} for validation, template ` +
    `${data.template}${cut}`;
  stderr.write(`${wrapped(line, stderr)}\n`);
  const records = data.train.length + data.validation.length;
  for (const [many, what, flag] of [
    [prompts, 'prompts', '--max-prompt-length'],
    [responses, 'answers', '--max-length'],
  ] as const) {
    if (2 * many <= records) continue;
    note(
      stderr,
      `most ${what} are cut, ${whole(many)} of ${whole(records)}. Raise ${flag} where the models have room.`,
    );
  }
}

/** Weights of a model that are trained. */
const trainedSize = ({ parameters }: LanguageModel): number =>
  [...parameters.values()].reduce((total, { size, requiresGrad }) => total + (requiresGrad ? size : 0), 0);

/** Samples of plain text that a run reads. */
function textSamples(options: TrainOptions, data: InstructionData): number {
  const { steps, epochs = 1, batchSize, gradAccumulationSteps } = fineTuneOptions.parse(runOptions(options, data));
  const batch = batchSize * gradAccumulationSteps;
  return batch * (steps ?? epochs * Math.max(1, Math.floor(data.train.length / batch)));
}

/** The options that every method has, with the defaults of this command. */
function runOptions(
  options: TrainOptions,
  { validation }: { readonly validation: readonly unknown[] },
): z.input<typeof fineTuneOptions> {
  const given = optionsFrom(fineTuneOptions, options);
  const { optimizer } = presetOf(options);
  const isSft = options.method === 'sft';
  // The paper chooses students by ROUGE-L, the models that they start from by loss.
  const samples = isSft || validation.length === 0 ? 0 : 100;
  return {
    ...given,
    optimizer: { ...optimizer, ...given.optimizer },
    ...(given.steps === undefined && { epochs: given.epochs ?? (isSft ? 3 : 20) }),
    validation: { ...given.validation, rougeL: { samples, ...given.validation?.rougeL } },
  };
}

/**
 * What distillation takes besides the options that every method has: the method's, and over them what was given.
 * @param teachers none where predictions are read from a cache
 */
async function distillationOf(options: TrainOptions, teachers: readonly (readonly [NamedSource, Checkpoint])[]) {
  const { optimizer: _, generation, curriculum, ...preset } = presetOf(options);
  const [loss, sgo, studentLoss] = [preset.loss as Divergence, preset.sgo as SgoPolicy, preset.studentLoss];
  const tokenizersOfTeachers: (readonly [NamedSource, Tokenizer])[] = [];
  for (const [named, source] of teachers) {
    if (await hasTokenizer(source)) tokenizersOfTeachers.push([named, await loadTokenizer(source)]);
  }
  const { one: teacherTokenizer, several: teacherTokenizers } = byNames(tokenizersOfTeachers);
  const { generation: drawn, curriculum: followed, ...ofOptions } = optionsFrom(distillationOptions, options);
  const ownLoss = options.studentLoss ?? studentLoss?.kind;
  const settings = {
    ...preset,
    ...ofOptions,
    generation: { ...generation, ...drawn },
    curriculum: { ...curriculum, ...followed },
    loss: makeKind('loss', losses, options.loss ?? loss.kind, notOfMethod(options), { base: loss }),
    sgo: makeKind('sgo', policies, options.sgo ?? sgo.kind, options, { base: sgo }),
    ...(ownLoss && {
      studentLoss: makeKind('student loss', losses, ownLoss, options, {
        prefix: studentPrefix,
        ...(studentLoss && { base: studentLoss }),
      }),
    }),
    ...given({ teacherTokenizer, teacherTokenizers }),
  };
  return { options: settings, tokenizersOfTeachers };
}

/** `--dry-run`: the first sample as the model gets it, and what it learns of it. */
function showSample({ train: [sample], template }: InstructionData, tokenizer: Tokenizer, { stderr }: Terminal): void {
  if (!sample) return;
  stderr.write(`The first sample, in the template ${template}; ${maskInWords}:\n`);
  stderr.write(`${drawnSample(samplePieces(sample, tokenizer), stderr)}\n`);
}

/** `--dry-run`: what the run would take. */
async function estimated(run: TrainingRun, terminal: Terminal): Promise<ExitCode> {
  const { stderr } = terminal;
  const estimate = await run.estimate();
  for (const remark of estimate.remarks) note(stderr, spelled(remark));
  printEstimate(estimate, run.settings, terminal);
  return estimate.memory.fits ? exitCodes.done : exitCodes.failed;
}

const spelled = (remark: string): string => spellFlags(remark, runFlags, runChoices);
const noteOf = (remark: string): string => noted(spelled(remark));

interface Ended {
  readonly end: EndEvent;
  /** The run was finished before: nothing was done. */
  readonly before: boolean;
  /** The last checkpoint of this call, from which `resume` goes on. */
  readonly saved: CheckpointEvent | undefined;
  /** The signal that ended it. */
  readonly interrupt: Interrupt | undefined;
}

/** Runs to the end or to Ctrl-C: shows and logs what happens. */
async function follow(
  start: (signal: AbortSignal) => TrainingRun,
  { options, decided, validates }: { options: WritingOptions; decided: DecidedOptions; validates: boolean },
  terminal: Terminal,
): Promise<Ended> {
  const stop = new AbortController();
  const line = progressLine(terminal);
  const warn = (text: string) => line.print(noted(text));
  let interrupt: Interrupt | undefined;
  const release = terminal.onInterrupt(
    (signal) => {
      interrupt = signal;
      line.print('Stopping after this step, then saving. Ctrl-C again ends at once, without saving.');
      stop.abort();
    },
    ['SIGINT', 'SIGTERM', 'SIGHUP'],
  );
  let progress: ReturnType<typeof trainingProgress> | undefined;
  try {
    const run = start(stop.signal);
    progress = trainingProgress(line, run.settings.sgo ? policyFacts(run.settings.sgo).capacity : 0);
    /** What comes before the log is opened: waits of a run that goes on. */
    const early: TrainingEvent[] = [];
    let log: Log = (event) => void early.push(event as TrainingEvent);
    let board: Board = () => {};
    let end: EndEvent | undefined;
    let before = false;
    let saved: CheckpointEvent | undefined;
    const open = (goesOnAfter: number | undefined) => {
      const { tensorboard } = options;
      log = openLog(logOf(options), { goesOnAfter, warn });
      if (tensorboard !== undefined) {
        // Curves of a run that was stopped before its first state are nobody's any more.
        board = openBoard(tensorboard, { goesOnAfter: goesOnAfter ?? -1, warn });
      }
    };
    for await (const event of goingOn(run, () => (saved ? (saved.fallback ?? options.out) : options.out), terminal)) {
      // Steps that are taken again are in the log once.
      if (event.type === 'device') open(event.step);
      if (event.type === 'start') {
        await keepOptions(options.out, options, decided).catch((error: unknown) => {
          // The folder has those that the run began with.
          if (!options.resume || !(error instanceof CheckpointError)) throw error;
          line.print(`${error.message} The options of this call are not kept.`);
        });
        open(options.resume ? event.step : undefined);
        // What a file had is among the options.
        const { config: _, ...ofRun } = options;
        log({ type: 'options', ...ofRun });
        log({ type: 'settings', ...run.settings });
        for (const each of early) log(each);
        before = event.step === event.totalSteps;
      }
      log(event);
      board(event);
      terminal.watch?.(event);
      progress.show(event);
      if (event.type === 'start' || event.type === 'device' || event.type === 'waited' || event.type === 'end') {
        for (const remark of event.remarks) line.print(noteOf(remark));
      }
      // On long validation sets it takes minutes.
      const isReady =
        run.settings.answers === 'teacher'
          ? event.type === 'answers' && event.answered === event.total
          : event.type === 'start';
      if (isReady && event.step === 0 && validates) line.print('validating before the first step');
      if (event.type === 'end') end = event;
      if (event.type === 'checkpoint' && event.kind === 'last') {
        saved = event;
        if (event.fallback !== undefined) await keepElsewhere(event.fallback, options, decided, warn);
      }
    }
    // The API's promise: 'end' comes last.
    return { end: end as EndEvent, before, saved, interrupt };
  } finally {
    progress?.done();
    release();
  }
}

/**
 * The events of a run. Where it ends because its folder or its device failed, the error says how it goes on.
 * @param folder of its newest state
 */
async function* goingOn(run: TrainingRun, folder: () => string, terminal: Terminal): AsyncGenerator<TrainingEvent> {
  let isBegun = false;
  try {
    for await (const event of run) {
      isBegun = true;
      yield event;
    }
  } catch (error) {
    const isPassing = error instanceof CheckpointError || error instanceof DeviceError;
    if (!isBegun || !isPassing || !holdsRun(folder())) throw error;
    const message = `${error.message}\nTo go on:\n  ${resumeCommand(folder(), terminal)}`;
    const details = { found: error.found, expected: error.expected, cause: error };
    throw error instanceof CheckpointError ? new CheckpointError(message, details) : new DeviceError(message, details);
  }
}

/** For a run that has no state: by the options that it keeps. */
const restartCommand = (folder: string, { program }: Terminal): string =>
  `${program} train --config ${shellWord(join(folder, optionsFile))} --out ${shellWord(folder)}`;

const resumeCommand = (folder: string, { program }: Terminal): string =>
  `${program} train --resume --out ${shellWord(folder)}`;

/**
 * The fallback is a run that goes on by its folder alone, with a log of its own. What the disk does not take then has to be
 * named again.
 */
async function keepElsewhere(
  folder: string,
  { fallbackOut: _, log: __, ...options }: WritingOptions,
  decided: DecidedOptions,
  warn: (line: string) => void,
): Promise<void> {
  await keepOptions(folder, options, decided).catch((error: Error) => warn(error.message));
}

function report(
  { end, before, saved, interrupt }: Ended,
  { out: ofRun, log }: WritingOptions,
  terminal: Terminal,
): ExitCode {
  const { program, stdout, stderr } = terminal;
  const { step, reason, best, initial, improved, ms } = end;
  // There the best is that of its own step alone.
  const isElsewhere = saved?.fallback !== undefined;
  const out = saved?.fallback ?? ofRun;
  const named = `${out}/${best && (!isElsewhere || best.step === step) ? 'best' : 'last'}`;
  // A run that is stopped before its first state has none.
  const student = existsSync(named) ? named : undefined;
  const judged = { ...(best && { best }), ...(initial && { initial, improved }) };
  const seconds = Math.round(ms / 1000);
  stdout.write(`${JSON.stringify({ step, reason, ...judged, ...given({ student }), seconds })}\n`);
  if (reason === 'aborted') {
    const where = saved ? `Saved in: ${saved.path}` : 'There was nothing new to save.';
    stderr.write(`${wrapped(`Stopped after step ${whole(step)}. ${where}`, stderr)}\n`);
    // A folder that is gone has both when it is back.
    const next =
      hasOptions(out) && !holdsRun(out)
        ? `The run has no state yet. To start it again:\n  ${restartCommand(out, terminal)}`
        : `To go on:\n  ${resumeCommand(out, terminal)}`;
    stderr.write(`${next}\n`);
    return interrupt === 'SIGHUP' ? exitCodes.hungUp : exitCodes.interrupted;
  }
  const done = before ? 'The run was finished already.' : `Done in ${duration(ms)}.`;
  stderr.write(
    student === undefined ? `${done} ${named} is not there any more.\n` : `${done} The trained model: ${student}\n`,
  );
  if (best && initial && !improved) {
    const scores = (validation: BestValidation) => measuredBy(validation).join(', ');
    const verdict =
      `No validation beat the model before training (${scores(initial)}): this is the best of the run (${scores(best)}), ` +
      'not an improvement. Try a lower learning rate, or more data.';
    stderr.write(`${wrapped(verdict, stderr)}\n`);
  }
  if (student !== undefined) {
    const model = `--model ${shellWord(student)}`;
    stderr.write(`Try it:\n  ${program} generate ${model} "Name three animals."\n  ${program} chat ${model}\n`);
  }
  stderr.write(`See its curves:\n  ${program} plot ${shellWord(log ?? out)}\n`);
  return exitCodes.done;
}

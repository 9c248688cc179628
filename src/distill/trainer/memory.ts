/**
 * How much memory a run takes, before it takes any: its largest batches are trained on, answered and validated on a meta
 * device, by the functions that the run itself calls. See models/memory.ts.
 */
import type { Sample } from '../../data/batch.js';
import { LimitError, OptionError } from '../../errors.js';
import { formatOf, rehearseAnswers } from '../../generation/memory.js';
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
} from '../../models/memory.js';
import type { LanguageModel } from '../../models/model.js';
import { createAdamW } from '../../optim/index.js';
import { logitsAtOnce, type WeightFormat, weightFormats } from '../../tensor/index.js';
import { policyFacts } from '../sgo/index.js';
import type { Teacher } from '../teachers.js';
import { liveTeachers, standInTeacher, type TermBatch } from '../terms/index.js';
import { sequencesOfStep } from './batches.js';
import { objectiveOf } from './objective.js';
import type { Plan } from './plan.js';
import { type Objective, updateStudent } from './update.js';
import { validationLoss } from './validation.js';

/** Memory of a run on its device, in bytes. Training and answering take turns, so that the larger of them counts. */
export interface MemoryEstimate extends MemoryPlan {
  /** The teacher's weights, or those of all teachers, as they are held; 0 without one. */
  readonly teacher: number;
  /** The student's weights. */
  readonly student: number;
  /** A gradient for each trained weight. */
  readonly gradients: number;
  /** AdamW's two moments of each trained weight. */
  readonly moments: number;
  /** What the forward pass of the longest batch keeps for its backward pass, and what that needs besides. */
  readonly activations: number;
  /** The chunk of logits that is in memory at once: the student's, the teacher's and a copy for each further loss. */
  readonly logits: number;
  /** Keys and values of the answers that the student gives side by side, for training or for scores; 0 without any. */
  readonly caches: number;
  /** What answering takes besides: the pass over the prompts, logits, and smaller caches when half of the answers ended. */
  readonly answering: number;
  /** The replay buffer when it is full of the longest answers: in the host's memory, not the device's, and not in the total. */
  readonly replay: number;
}

/** What is milder than the settings say. */
interface Change {
  readonly gradientCheckpointing?: boolean;
  readonly batchSize?: number;
  readonly gradAccumulationSteps?: number;
  /** The dtype that `loadModel` would hold the teachers in. */
  readonly teacherDtype?: WeightFormat;
  /** The dtype that `loadModel` would hold the matrices beside an adapter in. */
  readonly studentDtype?: WeightFormat;
  /** Of a new adapter. */
  readonly 'lora.rank'?: number;
  /** Longest sample, answers included. */
  readonly maxLength?: number;
}

/**
 * Nothing is computed, and the models stay as they are: they may be on a meta device.
 * @throws OptionError where the models cannot be rehearsed
 */
export async function planMemory(plan: Plan): Promise<MemoryEstimate> {
  const { objective } = plan;
  const { device } = objective.student;
  const teachers = plan.teachers.map(({ model }) => model);
  const limit = limitOf(device);
  const other = otherBytes(device, [objective.student, ...teachers]);
  const held = heldBytes(objective.student, teachers);
  const least = held.student + held.gradients + held.moments + other;
  const measure = (change: Change = {}) =>
    overDepths(modelsOf(plan), (layers) => rehearse(plan, change, { layers, other }));
  const found = await measure().catch((error: unknown) => {
    // A buffer of a GPU is too large.
    if (!(error instanceof LimitError)) throw error;
    const none = { activations: 0, logits: 0, caches: 0, answering: 0, rest: 0 };
    return { ...held, ...none, other, total: least + held.teacher, tooLarge: error.message };
  });
  const fits = !('tooLarge' in found) && (limit === undefined || found.total <= limit);
  const totalOf = (change: Change) =>
    measure(change).then(
      ({ total }) => total - bytesLess(objective.student, change['lora.rank']),
      (error: unknown) => {
        if (!(error instanceof LimitError)) throw error;
        return undefined;
      },
    );
  // What is held can be made less by way of an adapter alone.
  const isHopeless = limit !== undefined && least > limit && (!objective.student.adapter || plan.resume);
  const fitting = fits || isHopeless ? [] : await findFitting(waysToFit(plan), totalOf, limit);
  return { ...found, replay: replayBytes(plan), ...(limit !== undefined && { limit }), fits, fitting };
}

/** @throws OptionError for models whose weights are nowhere */
export function refuseMeta({ objective: { student }, learner }: Plan): void {
  if (!student.device.isMeta) return;
  throw new OptionError(
    `training: the ${learner} is on a meta device, which holds no weights: memory() can plan it, nothing can train it. ` +
      'Load it on the device itself.',
    { option: learner },
  );
}

/** What a rehearsal calls a teacher. No name of a user's is 'student'. */
const keyOf = ({ name }: Teacher): string => (name === undefined ? 'teacher' : `teacher ${name}`);

const modelsOf = ({ objective, teachers }: Plan): Readonly<Record<string, LanguageModel>> => ({
  student: objective.student,
  ...Object.fromEntries(teachers.map((teacher) => [keyOf(teacher), teacher.model])),
});

type HeldBytes = Pick<MemoryEstimate, 'teacher' | 'student' | 'gradients' | 'moments'>;

function heldBytes(student: LanguageModel, teachers: readonly LanguageModel[]): HeldBytes {
  const trained = [...student.parameters.values()].filter(({ requiresGrad }) => requiresGrad);
  const gradients = trained.reduce((total, { size }) => total + 4 * size, 0);
  return {
    ...{ teacher: bytesOf(teachers), student: weightBytesOf(student) },
    ...{ gradients, moments: 2 * gradients },
  };
}

/** A model that teaches under two names is in memory once. */
const bytesOf = (models: readonly LanguageModel[]): number =>
  [...new Set(models)].reduce((sum, model) => sum + weightBytesOf(model), 0);

/** The rank of a new adapter; undefined where it cannot be chosen. */
function rankOf({ adapter, parameters }: LanguageModel): number | undefined {
  const down = adapter?.isNew ? adapter.parameters.find((name) => name.endsWith('.lora_A.weight')) : undefined;
  return down === undefined ? undefined : parameters.get(down)?.shape[0];
}

/** What an adapter, its gradients and moments take less with a smaller rank. What it computes takes less as well. */
function bytesLess(student: LanguageModel, rank: number | undefined): number {
  const before = rankOf(student);
  if (rank === undefined || before === undefined) return 0;
  const matrices = (student.adapter?.parameters ?? []).filter((name) => /\.lora_[AB]\.weight$/.test(name));
  const size = matrices.reduce((sum, name) => sum + (student.parameters.get(name)?.size ?? 0), 0);
  return 4 * 4 * (size / before) * (before - rank);
}

/** Formats that take less than the one that a model is held in. */
const smallerFormats = (model: LanguageModel): readonly WeightFormat[] =>
  weightFormats.slice(weightFormats.indexOf(formatOf(model)) + 1);

/** Formats that take less for one of the teachers at least. */
const smallerForAny = (teachers: readonly Teacher[]): readonly WeightFormat[] =>
  weightFormats.filter((format) => teachers.some(({ model }) => smallerFormats(model).includes(format)));

/** Ways to milder work; a run that goes on keeps its batches. */
function waysToFit({
  settings,
  teachers,
  resume,
  train,
  objective: { student },
}: Plan): readonly (readonly Change[])[] {
  const { batchSize, gradAccumulationSteps, gradientCheckpointing } = settings;
  const rows = batchSize * gradAccumulationSteps;
  const longest = train.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  return [
    gradientCheckpointing ? [] : [{ gradientCheckpointing: true }],
    resume
      ? []
      : halvings(batchSize, 1).map((size) => ({ batchSize: size, gradAccumulationSteps: Math.ceil(rows / size) })),
    resume ? [] : smallerForAny(teachers).map((dtype) => ({ teacherDtype: dtype })),
    student.adapter && !resume ? smallerFormats(student).map((dtype) => ({ studentDtype: dtype })) : [],
    resume ? [] : halvings(rankOf(student) ?? 1, 1).map((rank) => ({ 'lora.rank': rank })),
    resume ? [] : halvings(longest, 32).map((length) => ({ maxLength: length })),
  ];
}

/** The largest of what the run computes. */
interface Load {
  readonly batches: readonly (readonly Sample[])[];
  readonly textBatches: readonly (readonly Sample[])[];
  readonly validation: readonly Sample[];
  /** Those that are answered side by side. */
  readonly prompts: readonly Int32Array[];
  readonly maxNewTokens: number;
}

function loadOf(plan: Plan, change: Change): Load {
  const { settings, train, text, validation, tokenizer, sgo, objective } = plan;
  const batchSize = change.batchSize ?? settings.batchSize;
  const { maxLength } = change;
  const maxNewTokens = Math.min(
    settings.maxNewTokens,
    maxLength === undefined ? Number.MAX_SAFE_INTEGER : maxLength >> 1,
  );
  const { generates } = policyFacts(sgo);
  const ofTeacher = settings.answers === 'teacher';
  const scored = tokenizer ? validation.slice(0, settings.validation.rougeL.samples) : [];
  const prompts = mostOf(
    [...(generates || ofTeacher ? train : []), ...scored],
    batchSize,
    ({ promptLength }) => promptLength,
  ).map((sample) => {
    const { ids, promptLength } = cut(sample, maxLength);
    return ids.subarray(0, promptLength);
  });
  const ofMostTokens = objective.student.startTokenId === undefined ? longestOf : widestOf;
  const longest = (samples: readonly Sample[]) =>
    ofMostTokens(samples, batchSize).map((sample) => cut(sample, maxLength));
  // A prompt without a token cannot be answered: the run refuses it.
  const answers = (origin?: 'student') =>
    prompts
      .slice(0, train.length)
      .map((prompt) => ({ ...withAnswer(prompt, maxNewTokens), ...(origin && { origin }) }));
  const ofData = ofTeacher ? answers() : longest(train);
  const answered = generates ? answers('student') : [];
  // Of pairs, a batch that the data do not fill takes answers of the student as well, and the terms of both.
  const areMixed = plan.teachers.length > 1 || sequencesOfStep({ ...settings, batchSize }, train) % batchSize !== 0;
  const mixed = settings.pairs && areMixed && answered.length > 0 ? mixedBatch(ofData, answered) : [];
  return {
    batches: [ofData, answered, mixed].filter(({ length }) => length > 0),
    textBatches: text.length > 0 ? [longest(text)] : [],
    validation: longest(validation),
    prompts,
    maxNewTokens,
  };
}

const mostOf = (samples: readonly Sample[], count: number, of: (sample: Sample) => number): Sample[] =>
  samples.toSorted((a, b) => of(b) - of(a)).slice(0, count);

const longestOf = (samples: readonly Sample[], count: number): Sample[] =>
  mostOf(samples, count, ({ ids }) => ids.length);

/** Prompts and answers that are padded by themselves: a batch may have the longest of both, in different rows. */
function widestOf(samples: readonly Sample[], count: number): Sample[] {
  const most = (of: (sample: Sample) => number) => samples.reduce((most, sample) => Math.max(most, of(sample)), 0);
  const promptLength = most((sample) => sample.promptLength);
  const answer = most(({ ids, promptLength }) => ids.length - promptLength);
  const widest = { ids: new Int32Array(promptLength + answer), promptLength };
  return Array.from({ length: Math.min(count, samples.length) }, () => widest);
}

/** As many as there are of either, of those that are longer all but one. */
function mixedBatch(some: readonly Sample[], others: readonly Sample[]): Sample[] {
  const isLonger = (some[0]?.ids.length ?? 0) > (others[0]?.ids.length ?? 0);
  const [longer, shorter] = isLonger ? [some, others] : [others, some];
  return [...longer.slice(1), ...shorter.slice(0, 1)];
}

function cut(sample: Sample, maxLength: number | undefined): Sample {
  if (maxLength === undefined || sample.ids.length <= maxLength) return sample;
  const { ids, promptLength, lossMask } = sample;
  return {
    ...{ ids: ids.subarray(0, maxLength), promptLength: Math.min(promptLength, maxLength >> 1) },
    ...(lossMask && { lossMask: lossMask.subarray(0, maxLength) }),
  };
}

function withAnswer(prompt: Int32Array, maxNewTokens: number): Sample {
  const ids = new Int32Array(prompt.length + maxNewTokens);
  ids.set(prompt);
  return { ids, promptLength: prompt.length };
}

async function rehearse(
  plan: Plan,
  change: Change,
  { layers, other }: { readonly layers: Readonly<Partial<Record<string, number>>>; readonly other: number },
) {
  const { settings } = plan;
  const load = loadOf(plan, change);
  const rehearsal = startRehearsal(plan.objective.student.device);
  const teachers: Teacher[] = [];
  /** A model that teaches under two names is in memory once. */
  const sized = new Map<LanguageModel, LanguageModel>();
  for (const teacher of plan.teachers) {
    const how = { dtype: change.teacherDtype, layers: layers[keyOf(teacher)] };
    const model = sized.get(teacher.model) ?? (await teacher.model.onMeta(rehearsal.device, how));
    sized.set(teacher.model, model);
    teachers.push({ ...teacher, model });
  }
  const student = await plan.objective.student.onMeta(rehearsal.device, {
    dtype: change.studentDtype,
    layers: layers.student,
  });
  const held = heldBytes(
    student,
    teachers.map(({ model }) => model),
  );
  const { lr: _, ...adamW } = settings.optimizer;
  const live = teachers.length > 0 ? liveTeachers(teachers) : undefined;
  const signal = plan.teacherCache ? standInTeacher(plan.teacherCache.facts) : live;
  const objective = objectiveOf(student, signal, settings);
  const optimizer = createAdamW(student.parameters, adamW);
  const batchOf = (samples: readonly Sample[]): TermBatch => ({ ...student.collate(samples), samples });
  // Each teacher teaches the largest batches: which of them takes most is not known before.
  const batches = taughtBy(teachers, load.batches).map(batchOf);
  const peak = await rehearsal.peakOf(() =>
    updateStudent(objective, optimizer, {
      ...{ batches, textBatches: load.textBatches.map(batchOf), lr: 0 },
      facts: { compares: (settings.compareEvery ?? 0) > 0 },
      dropoutSeed: () => (settings.noDropout ? undefined : 0),
      gradientCheckpointing: change.gradientCheckpointing ?? settings.gradientCheckpointing,
    }),
  );
  const isTogether = (settings.generation?.teacherShare ?? 0) > 0;
  const writers = isTogether || settings.answers === 'teacher' ? [...new Set(teachers.map(({ model }) => model))] : [];
  const { caches, answering } = await rehearseOthers(rehearsal, objective, load, { writers, isTogether });
  const logits = logitsBytes(
    student,
    Math.max(...batches.map(countedRows)),
    objective.terms.length + (teachers.length > 0 ? 1 : 0),
  );
  const holding = held.teacher + held.student + held.gradients + held.moments;
  const activations = Math.max(0, peak - holding - logits);
  const sum = holding + Math.max(activations + logits, caches + answering);
  const reached = Math.max(rehearsal.reached(), sum);
  return {
    ...{ ...held, activations, logits, caches, answering },
    ...{ rest: reached - sum, other, total: reached + other },
  };
}

/** The batches with samples of each teacher in turn. */
const taughtBy = (teachers: readonly Teacher[], batches: Load['batches']): Load['batches'] =>
  teachers[0]?.name === undefined
    ? batches
    : teachers.flatMap(({ name = '' }) =>
        batches.map((batch) => batch.map((sample) => ({ ...sample, teacher: name }))),
      );

/**
 * Answers and a validation, which come between the steps.
 * @param writers teachers that answer; `isTogether`: each beside the student
 */
async function rehearseOthers(
  rehearsal: Rehearsal,
  objective: Objective,
  { prompts, maxNewTokens, validation }: Load,
  { writers, isTogether }: { readonly writers: readonly LanguageModel[]; readonly isTogether: boolean },
): Promise<{ caches: number; answering: number }> {
  const { student } = objective;
  const each: Answering[] = [];
  for (const model of prompts.length > 0 ? [student, ...writers] : []) {
    each.push(await rehearseAnswers(rehearsal, model, prompts, maxNewTokens));
  }
  const [own, ...ofTeachers] = each;
  const answers = own && isTogether ? sumOf([own, mostAnswering(ofTeachers)]) : mostAnswering(each);
  if (validation.length > 0) await validationLoss(objective, [student.collate(validation)]);
  return answers;
}

type Answering = { readonly caches: number; readonly answering: number };

const sumOf = (each: readonly Answering[]): Answering => ({
  caches: each.reduce((sum, { caches }) => sum + caches, 0),
  answering: each.reduce((sum, { answering }) => sum + answering, 0),
});

/** Of models that take turns the one that takes most counts. */
const mostAnswering = (each: readonly Answering[]): Answering =>
  each.reduce((most, one) => (one.caches + one.answering > most.caches + most.answering ? one : most), {
    caches: 0,
    answering: 0,
  });

const countedRows = ({ labels }: TermBatch): number => labels.reduce((count, label) => count + (label < 0 ? 0 : 1), 0);

/** Bytes of the logits that are in memory at once when so many rows count. */
function logitsBytes({ head, device }: LanguageModel, counted: number, copies: number): number {
  const [vocab] = head.shape;
  return 4 * vocab * copies * Math.min(counted, logitsAtOnce(device, vocab));
}

/** Ids take two bytes where they fit. */
function replayBytes({ sgo, train, settings, objective: { student } }: Plan): number {
  const { capacity } = policyFacts(sgo);
  if (capacity === 0) return 0;
  const longest = train.reduce((most, { promptLength }) => Math.max(most, promptLength), 0) + settings.maxNewTokens;
  return capacity * (8 + (student.vocabSize <= 2 ** 16 ? 2 : 4) * longest);
}

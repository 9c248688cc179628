/**
 * How long a run takes: the time of a few steps of the run itself, of a batch of answers that is broken off, and of a batch
 * of validation, each counted as often as the run has them. All of it is done at learning rate 0, so that the student
 * stays as it is. A large model may take minutes for one step: work that would take long is measured in part, and the
 * rest is reckoned by its tokens.
 */
import type { Sample } from '../../data/batch.js';
import { TrainingError } from '../../errors.js';
import { generate } from '../../generation/index.js';
import type { LanguageModel } from '../../models/model.js';
import { type BatchSource, dataOnly, startPolicy } from '../sgo/index.js';
import { byTeacher, teacherOf } from '../teachers.js';
import { standInTeacher } from '../terms/index.js';
import { batchOrder, chunks, sequencesOfStep } from './batches.js';
import { hasAnswer } from './checkData.js';
import { objectiveOf } from './objective.js';
import { type Plan, writesAnswers } from './plan.js';
import type { RunState } from './runState.js';
import { takeStep } from './step.js';
import { validationLoss } from './validation.js';

/** How often the run does what takes time. */
export interface Counts extends Readonly<Record<BatchSource, number>> {
  readonly tokens: number;
  readonly validations: number;
}

/** Time of what is left of a run, in ms. */
export interface TimeEstimate {
  /** All of it. */
  readonly total: number;
  /** Updates of the student, forward and backward passes. */
  readonly updates: number;
  /** Answers of the student that are trained on. */
  readonly answers: number;
  /** Validations: losses, and the answers that are scored. */
  readonly validations: number;
  /** Optimizer steps that were measured. Of a step that takes too long, a part of its tokens: a number below 1. */
  readonly measuredSteps: number;
  /** Time of one of these, the mean. */
  readonly stepMs: number;
  /** Time of one batch of answers of full length; 0 where the student gives none. */
  readonly answersMs: number;
}

/**
 * Steps are measured until there are so many, or this much time has passed: an engine compiles what it runs often once more,
 * and better, so that first steps are slow.
 */
const MOST_STEPS = 30;
const MOST_MS = 3000;
/** A short measurement is repeated until this much time has passed, or so often. */
const REPEAT_MS = 1000;
const REPEATS = 5;
/** New tokens of the answers that are measured. */
const SHORT_ANSWER = 9;
/** No one thing that is measured takes longer, in ms, unless it cannot be made smaller. */
const LONGEST_MS = 8000;
/** Tokens of the part of a step by which it is told how long all of it would take. */
const FEW_TOKENS = 16;

/** Measures, and adds up what is left of the run. */
export async function measureTime(plan: Plan, run: RunState, counts: Counts): Promise<TimeEstimate> {
  const { settings, validation, tokenizer } = plan;
  const measured = await measureSteps(plan, run);
  const msPerToken = measured.ms / measured.tokens;
  const { samples } = settings.validation.rougeL;
  const scored = tokenizer ? validation.slice(0, samples) : [];
  const writes = writesAnswers(settings);
  const asked = writes ? plan.train : scored;
  // A forward pass alone takes less than half of a step.
  const mostTokens = msPerToken > 0 ? (2 * LONGEST_MS) / msPerToken : Number.POSITIVE_INFINITY;
  const firstAsked = asked.slice(0, settings.batchSize);
  const answersMs = asked.length === 0 ? 0 : await measureAnswers(plan, firstAsked, mostTokens);
  const batches = (number: number) => Math.ceil(number / settings.batchSize);
  const stepBatches = batches(sequencesOfStep(settings, plan.train));
  const asksTeacher = settings.answers === 'teacher' && run.step === 0;
  let teacherMs = 0;
  for (const indices of asksTeacher ? byTeacher(plan.train) : []) {
    const ofOne = indices.map((index) => plan.train[index] as Sample);
    const teacher = teacherOf(plan.teachers, ofOne[0] as Sample);
    const each = await measureAnswers(plan, ofOne.slice(0, settings.batchSize), mostTokens, teacher);
    teacherMs += batches(ofOne.length) * each;
  }
  const lossMs = counts.validations === 0 ? 0 : await measureValidation(plan, mostTokens);
  const parts = {
    updates: counts.tokens * msPerToken,
    // A run that goes on has the teacher's answers in its folder.
    answers: counts.generate * stepBatches * answersMs + teacherMs,
    validations: counts.validations * (lossMs + batches(scored.length) * answersMs),
  };
  return {
    total: parts.updates + parts.answers + parts.validations,
    ...parts,
    measuredSteps: measured.steps,
    stepMs: measured.steps === 0 ? 0 : measured.ms / Math.max(1, measured.steps),
    answersMs,
  };
}

/** A few steps on the data, as the run has them. The later half of them counts, which kernels that were compiled anew are in. */
async function measureSteps(plan: Plan, run: RunState): Promise<{ steps: number; tokens: number; ms: number }> {
  const { steps } = plan.settings;
  const { teacherCache, objective } = plan;
  // A cache has no predictions on parts of samples.
  const tried = teacherCache && objectiveOf(objective.student, standInTeacher(teacherCache.facts), plan.settings);
  const still: Plan = { ...plan, schedule: () => 0, ...(tried && { objective: tried }) };
  const onData: RunState = { ...run, sgo: startPolicy(dataOnly(), { totalSteps: steps }) };
  const order = batchOrder(plan);
  const done: { readonly tokens: number; readonly ms: number }[] = [];
  const started = performance.now();
  // A run that is shorter goes on with the data of further epochs.
  for (let step = run.step + 1; run.step < steps && done.length < MOST_STEPS; step++) {
    plan.signal?.throwIfAborted();
    const samples = order.data(step);
    const timed = async (data: readonly Sample[]) => {
      const given = { ...order, data: () => [...data] };
      const { loss, stepMs } = await takeStep(still, onData, given, step);
      if (Number.isFinite(loss)) return stepMs;
      throw new TrainingError(
        `step ${step} of ${steps}: the loss is ${loss} before the ${plan.learner} has learnt anything. Check the models' weights.`,
        { found: loss },
      );
    };
    const { ms, share } = done.length === 0 ? await timeOfStep(timed, samples) : { ms: await timed(samples), share: 1 };
    const tokens = tokensOf(samples);
    if (share < 1) return { steps: share, tokens, ms };
    done.push({ tokens, ms });
    if (performance.now() - started > MOST_MS) break;
  }
  const counted = done.slice(done.length >> 1);
  const sum = (of: 'tokens' | 'ms') => counted.reduce((total, each) => total + each[of], 0);
  return { steps: counted.length, tokens: Math.max(1, sum('tokens')), ms: sum('ms') };
}

const tokensOf = (samples: readonly Sample[]): number => samples.reduce((total, { ids }) => total + ids.length, 0);

/**
 * Time of a step on all of the samples: measured where a step on few of their tokens shows that it will not take long, else
 * reckoned from that one and from one on as many tokens as the time allows.
 * @param timed takes a step, and says how long it took
 * @returns `share`: of the tokens that were measured
 */
export async function timeOfStep(
  timed: (samples: readonly Sample[]) => Promise<number>,
  samples: readonly Sample[],
): Promise<{ ms: number; share: number }> {
  const all = tokensOf(samples);
  const small = partOf(samples, FEW_TOKENS);
  const few = tokensOf(small);
  if (all < 4 * few) return { ms: await timed(samples), share: 1 };
  let least = await timed(small);
  // The first step compiles what steps need, and touches their memory.
  if (least < 2 * LONGEST_MS) least = Math.min(least, await timed(small));
  const proportional = { ms: (least * all) / few, share: few / all };
  if (least > LONGEST_MS) return proportional;
  // However long a step on few tokens takes, much of it is the optimizer's: on twice as many it is seldom twice as long.
  const mostTokens = Math.max(2 * few, (LONGEST_MS * few) / least);
  if (all <= mostTokens) return { ms: await timed(samples), share: 1 };
  const part = partOf(samples, mostTokens);
  const many = tokensOf(part);
  if (many <= few) return proportional;
  const took = await timed(part);
  const each = Math.max(0, (took - least) / (many - few));
  return { ms: took + each * (all - many), share: many / all };
}

/** Whole samples of at most so many tokens together; of the first, where it is longer, what is around the prompt's end. */
function partOf(samples: readonly Sample[], mostTokens: number): Sample[] {
  const first = samples[Math.max(0, samples.findIndex(hasAnswer))] as Sample;
  let tokens = first.ids.length;
  if (tokens > mostTokens) return [shortened(first, mostTokens)];
  const part = [first];
  for (const sample of samples) {
    if (sample === first) continue;
    tokens += sample.ids.length;
    if (tokens > mostTokens) break;
    part.push(sample);
  }
  return part;
}

/** What follows the prompt's end counts, whatever a mask says of the whole. */
function shortened({ ids, promptLength, teacher }: Sample, mostTokens: number): Sample {
  const kept = Math.min(promptLength, Math.max(1, Math.floor(mostTokens / 2)));
  const from = promptLength - kept;
  return {
    ids: ids.subarray(from, from + Math.max(kept + 1, Math.floor(mostTokens))),
    promptLength: kept,
    ...(teacher !== undefined && { teacher }),
  };
}

/** The least of a few times. */
async function shortest(timed: () => Promise<number>): Promise<number> {
  const started = performance.now();
  let least = await timed();
  for (let i = 1; i < REPEATS && performance.now() - started < REPEAT_MS; i++) least = Math.min(least, await timed());
  return least;
}

/**
 * Time of a batch of answers of full length: that of the first token, and of each further one as the next few take it. Of
 * prompts that are longer together than `mostTokens` the ends are read.
 */
async function measureAnswers(
  plan: Plan,
  samples: readonly Sample[],
  mostTokens: number,
  model: LanguageModel = plan.objective.student,
): Promise<number> {
  const { tokenizer, settings } = plan;
  const longest = Math.max(1, Math.floor(mostTokens / samples.length));
  const whole = samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const prompts = whole.map((ids) => ids.subarray(Math.max(0, ids.length - longest)));
  const { teacherShare: _, ...generation } = settings.generation ?? {};
  const most = settings.maxNewTokens;
  const timed = async (maxNewTokens: number) => {
    const started = performance.now();
    // Without an end token each answer has its full length.
    await generate(model, prompts, {
      ...generation,
      ...{ maxNewTokens, vocabSize: tokenizer?.vocabSize, batchSize: settings.batchSize },
    });
    return performance.now() - started;
  };
  const few = Math.min(SHORT_ANSWER, most);
  const first = await shortest(() => timed(1));
  const each = few === 1 ? 0 : Math.max(0, (await shortest(() => timed(few))) - first) / (few - 1);
  const length = (lists: readonly Int32Array[]) => lists.reduce((total, ids) => total + ids.length, 0);
  return (first * length(whole)) / length(prompts) + (most - 1) * each;
}

/** Time of a validation loss, from that of a batch of middling length, or of at most so many tokens of it. */
async function measureValidation(plan: Plan, mostTokens: number): Promise<number> {
  const { objective, validationByLength, settings } = plan;
  const batches = chunks(validationByLength, settings.batchSize);
  const middling = batches[batches.length >> 1] as readonly Sample[];
  const batch = tokensOf(middling) > mostTokens ? partOf(middling, mostTokens) : middling;
  const timed = async () => {
    const started = performance.now();
    await validationLoss(objective, [objective.student.collate(batch)]);
    return performance.now() - started;
  };
  return ((await shortest(timed)) * tokensOf(validationByLength)) / tokensOf(batch);
}

/** Puts settings and objects together to a run that is ready to start: its objective, its schedule, its data. */
import type { Sample } from '../../data/batch.js';
import type { FileStore } from '../../io/fileStore.js';
import { type Schedule, schedules } from '../../optim/index.js';
import type { Tokenizer } from '../../text/index.js';
import { digestOf, trainingDigest } from '../dataDigest.js';
import { type RunOptions, type RunSettings, resolveSettings } from '../settings.js';
import { dataOnly, policyFacts, type SgoPolicy } from '../sgo/index.js';
import type { TeacherCache } from '../teacherCache/index.js';
import { requireSameData } from '../teacherCache/requireCache.js';
import { type Teacher, teachersOf } from '../teachers.js';
import { cachedTeacher, liveTeachers, type TeacherSignal } from '../terms/index.js';
import { sequencesOfStep } from './batches.js';
import { identityOf, type RunIdentity } from './identity.js';
import { objectiveOf } from './objective.js';
import { type Learner, learnerOf, type Participants, type ValidationSample } from './options.js';
import { startRemarks } from './remarks.js';
import type { Objective } from './update.js';

/** A run that is ready to start: its settings, and the objects that it works with. */
export interface Plan {
  readonly settings: RunSettings;
  readonly identity: RunIdentity;
  readonly objective: Objective;
  readonly learner: Learner;
  /** None where nothing is learnt from one. */
  readonly teachers: readonly Teacher[];
  /** In their place. */
  readonly teacherCache: TeacherCache | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly train: readonly Sample[];
  readonly validation: readonly ValidationSample[];
  /** The same, shortest first: batches of similar lengths need little padding. */
  readonly validationByLength: readonly Sample[];
  readonly text: readonly Sample[];
  readonly template: string | undefined;
  readonly sgo: SgoPolicy;
  /** Of the learning rate. */
  readonly schedule: Schedule;
  readonly stepsPerEpoch: number;
  /** What people should know before the first step. */
  readonly remarks: readonly string[];
  readonly checkpoint: string | FileStore | undefined;
  readonly resume: boolean;
  readonly fallbackOut: string | FileStore | undefined;
  /** What messages call what nobody gave, by its name: settings that follow from others, digests of data and models. */
  readonly derived: ReadonlyMap<string, string>;
  /** Those of them that follow from other settings. */
  readonly follows: ReadonlyMap<string, string>;
  /** The caller named the arithmetic: a run that began with another may go on with it. */
  readonly arithmeticGiven: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The options have been checked. @throws CompatibilityError, OptionError */
export function makePlan(participants: Participants, options: RunOptions): Plan {
  const { student, teacherCache, data, tokenizer } = participants;
  const { loss, kdRatio = 0, answers, warmupSteps } = options;
  const { train, validation = [], text = [] } = data;
  // The last, incomplete batch of an epoch is dropped, as in the official code; a data set smaller than one is one.
  const stepsPerEpoch = Math.max(1, Math.floor(train.length / Math.max(1, sequencesOfStep(options, train))));
  const digests = {
    train: trainingDigest(train),
    validation: digestOf(validation),
    text: trainingDigest(text),
  };
  const settings = resolveSettings(options, {
    stepsPerEpoch,
    room: roomForAnswer(participants, options),
    device: student.device.info,
    digests,
  });
  if (teacherCache) requireSameData(teacherCache, data, digests.train);
  const distils = loss && (kdRatio > 0 || answers === 'teacher');
  const learntFrom = {
    teachers: distils ? teachersOf(participants) : [],
    teacherCache: distils ? teacherCache : undefined,
  };
  return {
    settings,
    identity: identityOf({ student, ...learntFrom, tokenizer, template: data.template }),
    ...learntFrom,
    learner: learnerOf(participants),
    objective: objectiveOf(student, signalOf(learntFrom, train), settings),
    tokenizer,
    train,
    validation,
    validationByLength: validation.toSorted((a, b) => a.ids.length - b.ids.length),
    text,
    template: data.template,
    sgo: options.sgo ?? dataOnly(),
    schedule: schedules[options.schedule]({ lr: options.optimizer.lr, warmupSteps, totalSteps: settings.steps }),
    stepsPerEpoch,
    remarks: startRemarks(participants, settings),
    checkpoint: participants.checkpoint,
    resume: participants.resume ?? false,
    fallbackOut: participants.fallbackOut,
    derived: new Map([...digestNames, ...namesOfTeachers(learntFrom.teachers), ...following(options)]),
    follows: following(options),
    arithmeticGiven: options.arithmetic !== undefined,
    signal: participants.signal,
  };
}

/** What the student learns from beside the data; none where it learns from these alone. */
function signalOf(
  { teachers, teacherCache }: Pick<Plan, 'teachers' | 'teacherCache'>,
  train: readonly Sample[],
): TeacherSignal | undefined {
  if (teacherCache) return cachedTeacher(teacherCache, train);
  return teachers.length > 0 ? liveTeachers(teachers) : undefined;
}

const digestNames: Plan['derived'] = new Map([
  ...(['train', 'validation', 'text'] as const).map(
    (set) => [`dataDigest.${set}`, `the digest of data.${set}`] as const,
  ),
  ['teacherWeights', "the digest of the teacher's weights"],
  ['teacherCache', 'the digest of the teacher cache'],
  ['studentBase', 'the digest of the weights beside the adapter'],
  ['tokenizerFiles', "the digest of the tokenizer's files"],
  ['teacherNames', 'the list of the teachers'],
]);

const namesOfTeachers = (teachers: readonly Teacher[]): [string, string][] =>
  teachers.flatMap(({ name }) =>
    name === undefined
      ? []
      : [[`teachersWeights.${name}`, `the digest of the weights of the teacher '${name}'`] as [string, string]],
  );

function following({ steps, maxNewTokens, validation }: RunOptions): Plan['follows'] {
  const { every, bestBy } = validation;
  return new Map([
    ...(steps === undefined ? ([['steps', 'epochs (in steps)']] as const) : []),
    ...(every === 'epoch' ? ([['validation.every', 'an epoch, after which it validates, in steps']] as const) : []),
    ...(maxNewTokens === undefined ? ([['maxNewTokens', 'the longest answer by default']] as const) : []),
    ...(bestBy === undefined ? ([['validation.bestBy', 'the measure of the best by default']] as const) : []),
  ]);
}

/** Tokens that every generated answer may have, whatever its prompt: each model that writes or reads it must have room. */
export function roomForAnswer({ student, data, ...given }: Participants, options: RunOptions): number {
  const answered = writesAnswers(options);
  const teachers = answered ? teachersOf(given).map(({ model }) => model) : [];
  const samples = [...(answered ? data.train : []), ...(data.validation ?? [])];
  const longest = samples.reduce((most, { promptLength }) => Math.max(most, promptLength), 0);
  return Math.min(...[student, ...teachers].map((model) => model.room(longest)));
}

/** Whether a model answers the prompts of the data, to be trained on. */
export const writesAnswers = ({ sgo, answers }: Pick<RunOptions, 'sgo' | 'answers'>): boolean =>
  answers === 'teacher' || (sgo !== undefined && policyFacts(sgo).generates);

/** What a run minimises, as the sum of terms that its settings say. */
import type { LanguageModel } from '../../models/model.js';
import { changesDuringRun, type Divergence, divergenceScale, divergenceSpec } from '../losses/index.js';
import type { RunSettings } from '../settings.js';
import { inCurriculum, ownWeight } from '../terms/curriculum.js';
import {
  crossEntropy,
  divergence,
  isGiven,
  isOwn,
  policyGradient,
  type TeacherSignal,
  type Term,
  type TermBatch,
  type TermStep,
} from '../terms/index.js';
import type { Objective } from './update.js';

/** The settings that decide the terms. */
type ObjectiveSettings = Pick<
  RunSettings,
  'loss' | 'studentLoss' | 'objective' | 'curriculum' | 'kdRatio' | 'lmCoef' | 'generation'
>;

/** @param teacher from which the student learns; none where it learns from the data alone */
export function objectiveOf(
  student: LanguageModel,
  teacher: TeacherSignal | undefined,
  settings: ObjectiveSettings,
): Objective {
  const vocabSize = Math.min(student.vocabSize, teacher?.vocabSize ?? student.vocabSize);
  return {
    student,
    vocabSize,
    terms:
      teacher && settings.loss
        ? distillationTerms({ student, teacher, vocabSize }, settings.loss, settings)
        : [crossEntropy(1)],
    textTerms: [crossEntropy(settings.lmCoef, { name: 'text' })],
  };
}

interface Models {
  readonly student: LanguageModel;
  readonly teacher: TeacherSignal;
  readonly vocabSize: number;
}

function distillationTerms(models: Models, loss: Divergence, settings: ObjectiveSettings): Term[] {
  const { kdRatio = 1, studentLoss, objective, generation } = settings;
  const { student, teacher, vocabSize } = models;
  const terms: Term[] = [];
  // `checkRun` sees to it that answers of the student are judged by a model.
  const { modelOf } = teacher;
  if (kdRatio > 0 && objective && modelOf) {
    const judges = { student, teacherOf: modelOf, vocabSize, teacherShare: generation?.teacherShare ?? 0 };
    terms.push(policyGradient(objective, judges, kdRatio));
  }
  if (kdRatio > 0 && studentLoss) terms.push(...contrast(models, [loss, studentLoss], settings));
  else if (kdRatio > 0) {
    terms.push(termOf(loss, teacher, kdRatio, objective?.noSingleStep ? { takes: isGiven } : {}));
  }
  if (kdRatio < 1) terms.push(crossEntropy(1 - kdRatio, { takes: isGiven }));
  return terms;
}

type TermOptions = Pick<Term, 'takes'> & Partial<Pick<Term, 'name'>>;

const termOf = (loss: Divergence, teacher: TeacherSignal, weight: number, options: TermOptions): Term =>
  divergence(teacher, divergenceSpec(loss), weight * divergenceScale(loss), {
    ...options,
    changes: changesDuringRun(loss),
  });

/** One divergence on answers that are given, another on the student's own. */
function contrast(
  { student, teacher, vocabSize }: Models,
  [given, own]: readonly [Divergence, Divergence],
  { kdRatio = 1, curriculum }: ObjectiveSettings,
): Term[] {
  const inCourse = (loss: Divergence, options: TermOptions) => (alpha: number | undefined, weight: number) =>
    termOf(withAlpha(loss, alpha), teacher, kdRatio * weight, options);
  const onGiven = inCourse(given, { name: 'divergence', takes: isGiven });
  const onOwn = inCourse(own, { name: 'studentDivergence', takes: isOwn });
  const { modelOf } = teacher;
  if (!modelOf || (!curriculum?.alpha && !curriculum?.weight)) return [onGiven(undefined, 1), onOwn(undefined, 1)];
  const weight = (progress: number) => (curriculum.weight ? ownWeight(progress) : 1);
  const alphaOf = (loss: Divergence) => (curriculum.alpha && 'alpha' in loss ? loss.alpha : undefined);
  const courses = {
    given: {
      name: 'given',
      takes: isGiven,
      models: (batch: TermBatch) => [modelOf(batch), student] as const,
      alpha: alphaOf(given),
    },
    own: {
      name: 'own',
      takes: isOwn,
      models: (batch: TermBatch) => [student, modelOf(batch)] as const,
      alpha: alphaOf(own),
    },
  } as const;
  return [
    inCurriculum({ ...courses.given, vocabSize, weight: (progress) => 2 - weight(progress) }, onGiven),
    inCurriculum({ ...courses.own, vocabSize, weight }, onOwn),
  ];
}

const withAlpha = (loss: Divergence, alpha: number | undefined): Divergence =>
  alpha === undefined ? loss : ({ ...loss, alpha } as Divergence);

/** What one step minimises: terms that depend on the step are those of the step. */
export async function objectiveAt(objective: Objective, step: TermStep): Promise<Objective> {
  if (!objective.terms.some(({ forStep }) => forStep)) return objective;
  const terms: Term[] = [];
  for (const term of objective.terms) terms.push((await term.forStep?.(step)) ?? term);
  return { ...objective, terms };
}

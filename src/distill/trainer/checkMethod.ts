/**
 * Whether the settings that make up a method fit each other: one that would do nothing beside the others is a
 * misunderstanding, and refused by its name.
 */
import { OptionError } from '../../errors.js';
import { changesDuringRun } from '../losses/index.js';
import type { RunOptions } from '../settings.js';
import { dataOnly, policyFacts } from '../sgo/index.js';

/** @throws OptionError */
export function checkMethod(options: RunOptions): void {
  checkAnswers(options);
  checkCurriculum(options);
  checkObjective(options);
  checkStudentLoss(options);
  checkComparison(options);
}

/** What is said of some answers must find such answers. */
function checkAnswers({ sgo = dataOnly(), studentLoss, objective, pairs, answers, generation }: RunOptions): void {
  const { generates, usesData } = policyFacts(sgo);
  if (answers === 'teacher' && !pairs && !usesData) {
    throw new OptionError(
      `distill: answers is 'teacher', and sgo '${sgo.kind}' trains on the student's own answers alone. Leave it out, or set pairs.`,
      { option: 'answers', found: answers },
    );
  }
  const aboutOwn = { studentLoss, objective, pairs, 'generation.teacherShare': generation?.teacherShare };
  const idle = Object.entries(aboutOwn).find(([, value]) => value);
  if (!idle || generates) return;
  throw new OptionError(
    `distill: ${idle[0]} is about the student's own answers, and sgo '${sgo.kind}' has none. Leave it out, or take another sgo.`,
    { option: idle[0], found: idle[1] },
  );
}

function checkCurriculum({ loss, studentLoss, curriculum }: RunOptions): void {
  if (!curriculum?.alpha && !curriculum?.weight) return;
  if (!studentLoss) {
    throw new OptionError(
      'distill: curriculum is about loss beside studentLoss, which is not given. Give it, or leave curriculum out.',
      { option: 'curriculum', found: curriculum },
    );
  }
  if (!curriculum.alpha || (loss?.kind === 'skewKL' && studentLoss.kind === 'skewReverseKL')) return;
  throw new OptionError(
    `distill: curriculum.alpha is for loss skewKL() and studentLoss skewReverseKL(), found ${loss?.kind} and ${studentLoss.kind}. ` +
      'Take these, or leave it out.',
    { option: 'curriculum.alpha', found: [loss?.kind, studentLoss.kind] },
  );
}

function checkObjective({ objective, studentLoss, generation }: RunOptions): void {
  if (!objective) return;
  if (studentLoss) {
    throw new OptionError(
      "distill: objective and studentLoss are both given, and each is what is minimised on the student's own answers. Leave one out.",
      { option: 'objective' },
    );
  }
  const { temperature = 1, topK = 0, topP = 1 } = generation ?? {};
  if (temperature === 1 && topK === 0 && topP === 1) return;
  throw new OptionError(
    `distill: objective '${objective.kind}' reckons with answers that are drawn from whole distributions. Leave generation.temperature, ` +
      'generation.topK and generation.topP as they are by default.',
    { option: 'generation', found: generation },
  );
}

/** The state of a run has the course of one loss. */
function checkStudentLoss({ studentLoss }: RunOptions): void {
  if (!studentLoss || !changesDuringRun(studentLoss)) return;
  throw new OptionError(
    `distill: studentLoss is ${studentLoss.kind}, which changes during a run, and loss alone may. Take it as loss, or another here.`,
    { option: 'studentLoss', found: studentLoss.kind },
  );
}

/** Teacher and student are compared where a divergence is taken: there both have predicted. */
function checkComparison({ compareEvery = 0, kdRatio, objective, sgo = dataOnly(), pairs }: RunOptions): void {
  if (compareEvery === 0) return;
  const onlyOwn = !policyFacts(sgo).usesData && !pairs;
  const reason =
    kdRatio === 0
      ? 'kdRatio is 0: the teacher is not asked'
      : objective?.noSingleStep && onlyOwn
        ? "objective.noSingleStep leaves no divergence on the student's own answers"
        : undefined;
  if (reason === undefined) return;
  throw new OptionError(
    `distill: compareEvery is ${compareEvery}, and ${reason}, so that nothing is compared. Leave one of them out.`,
    { option: 'compareEvery', found: compareEvery, expected: 0 },
  );
}

/**
 * MiniLLM's gradient of the reverse KL of whole answers (Gu et al., arXiv:2306.08543): answers that the teacher finds
 * likelier than the student does are made likelier, token by token, by what is yet to come of them. The term is taken on
 * the student's own answers. What they are worth is found out once a step, before its updates.
 */
import type { LanguageModel } from '../../models/model.js';
import { ignoredLabel, policyGradientRows, type Rollout } from '../../tensor/index.js';
import type { PolicyGradient } from '../policyGradient.js';
import { returnsOf, rewardsOf, whitened } from './advantages.js';
import { isOwn } from './crossEntropy.js';
import { labelLogProbs } from './logProbs.js';
import { labelsTaken, onTaken, type Term, type TermBatch } from './term.js';

/** Who is asked what an answer is worth. */
interface Judges {
  readonly student: LanguageModel;
  /** The teacher of a batch. */
  readonly teacherOf: (batch: TermBatch) => LanguageModel;
  /** Tokens that both predict. */
  readonly vocabSize: number;
  /** Share of the tokens that the teacher has drawn. */
  readonly teacherShare: number;
}

export function policyGradient(settings: PolicyGradient, judges: Judges, weight: number): Term {
  const termOf = (rollouts: ReadonlyMap<TermBatch, Rollout>): Term => ({
    name: 'policyGradient',
    weight,
    takes: isOwn,
    rowLoss(batch, gradScale) {
      const rollout = rollouts.get(batch) ?? noRollout(batch);
      return onTaken(batch, isOwn, policyGradientRows(rollout, settings.clip, gradScale));
    },
  });
  return {
    // A rehearsal has no answers: its numbers do not matter.
    ...termOf(new Map()),
    forStep: async ({ batches }) => termOf(await rolloutsOf(batches, settings, judges)),
  };
}

const noRollout = ({ labels }: TermBatch): Rollout => ({
  advantages: new Float32Array(labels.length),
  logProbs: new Float32Array(labels.length),
  importance: new Float32Array(labels.length),
});

/** The answers of all batches with their advantages, which are made comparable over the whole step. */
async function rolloutsOf(
  batches: readonly TermBatch[],
  { rewardScale, rewardClip, gamma, noLengthNorm }: PolicyGradient,
  { student, teacherOf, vocabSize, teacherShare }: Judges,
): Promise<Map<TermBatch, Rollout>> {
  const rollouts = new Map<TermBatch, Rollout>();
  const answers: {
    readonly rollout: Rollout;
    readonly rows: readonly number[];
    readonly returns: readonly number[];
  }[] = [];
  for (const batch of batches) {
    if (!batch.samples.some(isOwn)) continue;
    const asked = { ...batch, labels: labelsTaken(batch, isOwn) };
    const logQ = await labelLogProbs(student, asked, vocabSize);
    const logP = await labelLogProbs(teacherOf(batch), asked, vocabSize);
    const mixed = (row: number) =>
      (1 - teacherShare) * Math.exp(logQ[row] as number) + teacherShare * Math.exp(logP[row] as number);
    const importance = logQ.map((log, row) => (teacherShare === 0 ? 1 : Math.exp(log - Math.log(mixed(row)))));
    const rollout = { advantages: new Float32Array(logQ.length), logProbs: logQ, importance };
    rollouts.set(batch, rollout);
    for (let b = 0; b < batch.batch; b++) {
      const first = b * batch.seq;
      const rows = Array.from({ length: batch.seq }, (_, t) => first + t).filter(
        (row) => asked.labels[row] !== ignoredLabel,
      );
      const of = (values: Float32Array) => rows.map((row) => values[row] as number);
      const rewards = rewardsOf(of(logP), of(logQ), { scale: rewardScale, clip: rewardClip });
      answers.push({ rollout, rows, returns: returnsOf(rewards, { gamma, lengthNorm: !noLengthNorm }) });
    }
  }
  const advantages = whitened(answers.map(({ returns }) => returns));
  answers.forEach(({ rollout, rows }, i) => {
    rows.forEach((row, t) => {
      rollout.advantages[row] = advantages[i]![t] as number;
    });
  });
  return rollouts;
}

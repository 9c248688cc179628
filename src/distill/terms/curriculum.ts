/**
 * DistiLLM-2's curriculum (Ko et al., arXiv:2503.07067) on the two skew divergences of its contrastive loss. Their alpha
 * follows how far teacher and student are apart on the answers of a step; their weights follow how far the run is.
 */
import type { LanguageModel } from '../../models/model.js';
import { ignoredLabel } from '../../tensor/index.js';
import { labelLogProbs } from './logProbs.js';
import { labelsTaken, type Term, type TermBatch, type TermStep } from './term.js';

/** Weight of the divergence on the student's own answers at `progress` of the run; the other's is 2 less that. */
export const ownWeight = (progress: number): number => 1 + 0.5 * Math.min(1, 2 * progress);

/**
 * The alpha of a step: as the models come nearer it falls, from its value at the beginning, so that what is left between
 * them still counts.
 * @param gap how much likelier one model finds the answers than the other, by the geometric means of their tokens'
 * probabilities; `first` was it in the first step
 */
export const curriculumAlpha = (
  alpha: number,
  { gap, first }: { readonly gap: number; readonly first: number },
): number => Math.min(alpha, Math.max(0.01, 1 - ((1 - alpha) * first) / (gap + 1e-5)));

/** How a divergence takes part in the curriculum. */
interface Course {
  /** Names what is remembered of it. */
  readonly name: string;
  readonly takes: NonNullable<Term['takes']>;
  /** The likelier model of the answers of a batch that are taken, and the other. */
  readonly models: (batch: TermBatch) => readonly [LanguageModel, LanguageModel];
  readonly vocabSize: number;
  /** Where its alpha takes part. */
  readonly alpha: number | undefined;
  /** Its weight by the progress of the run. */
  readonly weight: (progress: number) => number;
}

/** @param termOf the divergence with this alpha, where it has another, and this weight */
export function inCurriculum(course: Course, termOf: (alpha: number | undefined, weight: number) => Term): Term {
  const { alpha, weight } = course;
  return {
    ...termOf(undefined, weight(0)),
    async forStep(step) {
      return termOf(alpha === undefined ? undefined : await alphaOf(alpha, course, step), weight(step.progress));
    },
  };
}

async function alphaOf(alpha: number, course: Course, { batches, memory }: TermStep): Promise<number> {
  const gap = await gapOf(course, batches);
  if (gap === undefined) return alpha;
  const key = `${course.name}.firstGap`;
  const first = memory.get(key) ?? gap;
  memory.set(key, first);
  return curriculumAlpha(alpha, { gap, first });
}

/** The mean over the answers that are taken; undefined where there are none. */
async function gapOf({ takes, models, vocabSize }: Course, batches: readonly TermBatch[]): Promise<number | undefined> {
  const gaps: number[] = [];
  for (const batch of batches) {
    if (!batch.samples.some(takes)) continue;
    const asked = { ...batch, labels: labelsTaken(batch, takes) };
    const [first, second] = models(batch);
    const [likelier, other] = [
      await labelLogProbs(first, asked, vocabSize),
      await labelLogProbs(second, asked, vocabSize),
    ];
    for (let b = 0; b < batch.batch; b++) {
      const rows = Array.from({ length: batch.seq }, (_, t) => b * batch.seq + t).filter(
        (row) => asked.labels[row] !== ignoredLabel,
      );
      const meanOf = (logs: Float32Array) => rows.reduce((sum, row) => sum + (logs[row] as number), 0) / rows.length;
      if (rows.length > 0) gaps.push(Math.exp(meanOf(likelier)) - Math.exp(meanOf(other)));
    }
  }
  return gaps.length === 0 ? undefined : gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
}

import type { Sample } from '../../data/batch.js';
import { crossEntropyRows } from '../../tensor/index.js';
import { labelsTaken, type Term } from './term.js';

/** Cross-entropy of the labels. `takes`: of these samples only. */
export const crossEntropy = (
  weight: number,
  { name = 'crossEntropy', takes }: { readonly name?: string; readonly takes?: Term['takes'] } = {},
): Term => ({
  name,
  weight,
  ...(takes && { takes }),
  rowLoss(batch, gradScale) {
    const labels = labelsTaken(batch, takes);
    return crossEntropyRows(gradScale, labels === batch.labels ? undefined : labels);
  },
});

/** Not the student's own answers: their cross-entropy would teach the student to imitate itself. */
export const isGiven = ({ origin }: Sample): boolean => origin !== 'student';

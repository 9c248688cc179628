import type { Sample } from '../../data/batch.js';
import { crossEntropyRows } from '../../tensor/index.js';
import { onTaken, type Term } from './term.js';

/** Cross-entropy of the labels. `takes`: of these samples only. */
export const crossEntropy = (
  weight: number,
  { name = 'crossEntropy', takes }: { readonly name?: string; readonly takes?: Term['takes'] } = {},
): Term => ({
  name,
  weight,
  ...(takes && { takes }),
  rowLoss: (batch, gradScale) => onTaken(batch, takes, crossEntropyRows(gradScale)),
});

/** Not the student's own answers: their cross-entropy would teach the student to imitate itself. */
export const isGiven = ({ origin }: Sample): boolean => origin !== 'student';

/** The student's own answers. */
export const isOwn = (sample: Sample): boolean => !isGiven(sample);

import { crossEntropyRows } from '../../tensor/index.js';
import type { Term } from './term.js';

/** Cross-entropy of the labels. */
export const crossEntropy = (weight: number, name = 'crossEntropy'): Term => ({
  name,
  weight,
  rowLoss: (_, gradScale) => crossEntropyRows(gradScale),
});

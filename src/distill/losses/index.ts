/**
 * The divergences between teacher and student that a run can minimise, as plain data. Each is a file here, a line in
 * `losses`, and a case in the two divergence kernels. The command line and whoever else offers a choice reads the table.
 */
import { type DataOf, variantSchema } from '../../settings/index.js';
import type { DivergenceSpec } from '../../tensor/index.js';
import { forwardKL } from './forwardKL.js';
import { jensenShannon } from './jensenShannon.js';
import { reverseKL } from './reverseKL.js';
import { skewKL } from './skewKL.js';
import { skewReverseKL } from './skewReverseKL.js';
import { symmetricKL } from './symmetricKL.js';
import { totalVariation } from './totalVariation.js';

export const losses = {
  forwardKL,
  reverseKL,
  symmetricKL,
  jensenShannon,
  totalVariation,
  skewKL,
  skewReverseKL,
} as const;

/** Which divergence a run minimises, with its options: `{ kind: 'skewKL', alpha: 0.1, temperature: 1 }`. */
export type Divergence = DataOf<typeof losses>;

export const divergenceSchema = variantSchema(losses);

/** What `linearDivergence` takes: the row of the divergence kernel. */
export function divergenceSpec(loss: Divergence): DivergenceSpec {
  const { kind, temperature } = loss;
  const weight = losses[kind].weight as (loss: Divergence) => number;
  return { kind, weight: weight(loss), temperature };
}

export { forwardKL, jensenShannon, reverseKL, skewKL, skewReverseKL, symmetricKL, totalVariation };

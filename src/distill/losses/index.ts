/**
 * The divergences between teacher and student that a run can minimise, as plain data. Each is a file here, a line in
 * factories.ts, and a case in the two divergence kernels. The command line and whoever else offers a choice reads the
 * table `losses`.
 */
import { type DataOf, variantSchema } from '../../settings/index.js';
import type { DivergenceSpec } from '../../tensor/index.js';
import * as factories from './factories.js';

/** Every loss's factory by its kind. */
export const losses = { ...factories };

/** Which divergence a run minimises, with its options: `{ kind: 'skewKL', alpha: 0.1, temperature: 1 }`. */
export type Divergence = DataOf<typeof losses>;

export const divergenceSchema = variantSchema(losses);

/** What `linearDivergence` takes: the row of the divergence kernel. */
export function divergenceSpec(loss: Divergence): DivergenceSpec {
  const { kind, temperature } = loss;
  const weight = losses[kind].weight as (loss: Divergence) => number;
  return { kind, weight: weight(loss), temperature };
}

export * from './factories.js';

/**
 * Policies on student-generated outputs (SGOs): what each step trains on. A policy is plain data; the file of its kind
 * has its options and the state machine that runs it. A new kind is a file here and a line in factories.ts; the command
 * line reads the table `policies`.
 */
import { type DataOf, variantSchema } from '../../settings/index.js';
import * as factories from './factories.js';
import type { PolicyBehaviour, PolicyRun, SgoState } from './policy.js';

/** Every policy's factory by its kind. */
export const policies = { ...factories };

/** Where the training sequences come from, step by step: `{ kind: 'adaptiveOffPolicy', capacity: 1000, ... }`. */
export type SgoPolicy = DataOf<typeof policies>;

export const policySchema = variantSchema(policies);

/** What the trainer must know of a policy before it starts. */
export function policyFacts(
  policy: SgoPolicy,
): Omit<PolicyBehaviour<never>, 'usesData' | 'capacity' | 'start'> & { usesData: boolean; capacity: number } {
  const { generates, usesData, usesValidation, capacity } = kindOf(policy);
  return { generates, usesData: usesData(policy), usesValidation, capacity: capacity(policy) };
}

/**
 * A policy at work in a run of so many steps, from its beginning or from a snapshot of its state.
 * @throws CheckpointError when `snapshot` is not of this policy
 */
export const startPolicy = (policy: SgoPolicy, run: PolicyRun): SgoState => kindOf(policy).start(policy, run);

/** The kind is found by the data, so its functions take this data. */
const kindOf = ({ kind }: SgoPolicy) => policies[kind] as unknown as PolicyBehaviour<SgoPolicy>;

export * from './factories.js';
export type { BatchSource, DecisionInput, PolicyRun, SgoSnapshot, SgoState, ValidationEffect } from './policy.js';

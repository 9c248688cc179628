export { type AdaptiveOffPolicyOptions, adaptiveOffPolicy, type ReplaySchedule } from './adaptiveOffPolicy.js';
export { offPolicy } from './offPolicy.js';
export type {
  BatchSource,
  DecisionInput,
  SgoPolicy,
  SgoSnapshot,
  SgoState,
  ValidationEffect,
} from './policy.js';

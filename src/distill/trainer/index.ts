/**
 * The training loop of `distill` and `fineTune`. `start.ts` checks options and makes a plan; `loop.ts` validates,
 * steps and saves; `step.ts` takes one step: `sampling.ts` chooses its samples, `update.ts` learns from them.
 */
export { distill } from './distill.js';
export type { RunEstimate } from './estimate.js';
export type {
  AnswersEvent,
  BestValidation,
  CheckpointEvent,
  DeviceEvent,
  EndEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  ValidationEvent,
  ValidationExample,
  WaitedEvent,
  WaitingEvent,
} from './events.js';
export { fineTune } from './fineTune.js';
export type { TimeEstimate } from './measure.js';
export type { MemoryEstimate } from './memory.js';
export type { DistillOptions, FineTuneOptions, TrainingData, ValidationSample } from './options.js';
export type { TrainingRun } from './start.js';

export { distill } from './distill.js';
export type {
  BestValidation,
  CheckpointEvent,
  EndEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  ValidationEvent,
  ValidationExample,
} from './events.js';
export { fineTune } from './fineTune.js';
export type { DistillOptions, FineTuneOptions, TrainingData, ValidationSample } from './options.js';
export type { TrainingRun } from './start.js';

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
export type {
  DistillOptions,
  FineTuneOptions,
  GenerationOptions,
  OptimizerOptions,
  TrainingData,
  ValidationOptions,
  ValidationSample,
} from './options.js';

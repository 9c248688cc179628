/** The three ways in which a student of the demo is trained, from the same start on the same pairs. */
import {
  adaptiveOffPolicy,
  createModel,
  type Device,
  distill,
  type Example,
  fineTune,
  forwardKL,
  type LanguageModel,
  loadModel,
  memoryStore,
  type StepEvent,
  saveModel,
  skewKL,
  type Tokenizer,
  type TrainingEvent,
  type ValidationEvent,
} from 'distillm';
import { maxNewTokens, studentConfig } from './setup.ts';

export const methods = ['SFT', 'KD', 'DistiLLM'] as const;
export type Method = (typeof methods)[number];

/** What every student gets alike. */
export interface Course {
  readonly device: Device;
  readonly teacher: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly seed: number;
  readonly startEpochs: number;
  readonly epochs: number;
}

export interface TrainedStudent {
  readonly method: Method;
  readonly model: LanguageModel;
  readonly steps: readonly StepEvent[];
  readonly validations: readonly ValidationEvent[];
  readonly seconds: number;
}

const shared = { batchSize: 20, optimizer: { lr: 2e-3 }, schedule: 'cosine' } as const;

/** A student after a short SFT from random weights: where all methods begin, as the official runs do. */
export async function startingPoint(course: Course, progress: (event: TrainingEvent) => void) {
  const { device, train, tokenizer, seed, startEpochs } = course;
  const student = await createModel(studentConfig, { device, seed });
  const run = fineTune({ ...shared, model: student, tokenizer, data: { train }, epochs: startEpochs, seed });
  for await (const event of run) progress(event);
  const weights = memoryStore();
  await saveModel(student, weights);
  return { student, weights };
}

/** Trains a copy of the starting point by one method: same pairs, same number of steps. */
export async function trainStudent(
  method: Method,
  course: Course,
  weights: ReturnType<typeof memoryStore>,
  progress: (event: TrainingEvent) => void,
): Promise<TrainedStudent> {
  const { device, teacher, tokenizer, train, validation, seed, epochs } = course;
  const student = await loadModel(weights, { device, trainable: true });
  const options = {
    ...shared,
    tokenizer,
    data: { train, validation },
    epochs,
    seed,
    maxNewTokens,
    validation: { every: Math.ceil((epochs * train.length) / shared.batchSize / 6), rougeL: { samples: 60 } },
  };
  const runs = {
    SFT: () => fineTune({ ...options, model: student }),
    KD: () => distill({ ...options, teacher, student, loss: forwardKL() }),
    // In a run this short the validation loss need not rise: an initThreshold above 0 puts student outputs to use.
    DistiLLM: () =>
      distill({
        ...options,
        teacher,
        student,
        loss: skewKL({ alpha: 0.1 }),
        sgo: adaptiveOffPolicy({ initThreshold: 0.4, capacity: 200 }),
      }),
  };
  const steps: StepEvent[] = [];
  const validations: ValidationEvent[] = [];
  const started = performance.now();
  for await (const event of runs[method]()) {
    if (event.type === 'step') steps.push(event);
    if (event.type === 'validation') validations.push(event);
    progress(event);
  }
  return { method, model: student, steps, validations, seconds: (performance.now() - started) / 1000 };
}

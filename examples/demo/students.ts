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
  type ValidationEvent,
} from 'distillm';
import { maxNewTokens, studentConfig, template } from './setup.ts';

/** What each method learns from, for people who read along. */
export const methods = {
  SFT: 'imitates the answers of the data, spoilt ones too',
  KD: "imitates the teacher's predictions on those answers",
  DistiLLM: 'imitates the teacher, also on what the student itself says',
} as const;
export type Method = keyof typeof methods;

/** What every student gets alike. */
export interface Course {
  readonly device: Device;
  readonly teacher: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly seed: number;
  /** Passes over the pairs: of the short SFT, and of each method after it. */
  readonly epochs: number;
}

export interface TrainedStudent {
  readonly method: Method;
  readonly model: LanguageModel;
  readonly steps: readonly StepEvent[];
  readonly validations: readonly ValidationEvent[];
  readonly seconds: number;
  /** Its settings and events as JSON lines, which `distillm plot` reads. */
  readonly log: string;
}

/** Called after each step. */
type Watch = (event: StepEvent) => void;

const shared = { batchSize: 10, groupByLength: true, optimizer: { lr: 2e-3 }, schedule: 'cosine' } as const;
/** Validations of a run besides the one before its first step. */
const validations = 6;

/** A student after a short SFT from random weights: where all methods begin, as the official runs do. */
export async function startingPoint({ device, train, tokenizer, seed, epochs }: Course, watch: Watch) {
  const student = await createModel(studentConfig, { device, seed });
  const run = fineTune({ ...shared, model: student, tokenizer, data: { train }, epochs, seed });
  for await (const event of run) if (event.type === 'step') watch(event);
  const weights = memoryStore();
  await saveModel(student, weights);
  return { student, weights };
}

/** Trains a copy of the starting point by one method: same pairs, same number of steps. */
export async function trainStudent(
  method: Method,
  course: Course,
  weights: ReturnType<typeof memoryStore>,
  watch: Watch,
): Promise<TrainedStudent> {
  const { device, teacher, tokenizer, train, validation, seed, epochs } = course;
  const student = await loadModel(weights, { device, trainable: true });
  const options = {
    ...shared,
    tokenizer,
    data: { train, validation, template: template.name },
    epochs,
    seed,
    maxNewTokens,
    validation: {
      every: Math.ceil((epochs * train.length) / shared.batchSize / validations),
      rougeL: { samples: 40 },
    },
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
  const validated: ValidationEvent[] = [];
  const started = performance.now();
  const run = runs[method]();
  const log = [logLine({ type: 'settings', ...run.settings })];
  for await (const event of run) {
    log.push(logLine(event));
    if (event.type === 'step') {
      steps.push(event);
      watch(event);
    }
    if (event.type === 'validation') validated.push(event);
  }
  const seconds = (performance.now() - started) / 1000;
  return { method, model: student, steps, validations: validated, seconds, log: log.join('') };
}

const logLine = (record: object): string => `${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`;

import type { Sample } from '../../data/batch.js';
import type { FileStore } from '../../io/fileStore.js';
import type { LanguageModel } from '../../models/model.js';
import type { AdamWOptions, Schedule } from '../../optim/index.js';
import type { Tokenizer } from '../../text/index.js';
import type { Divergence } from '../losses/index.js';
import type { SgoPolicy } from '../sgo/index.js';

/** A held-out sample; `references` are the answers that ROUGE-L compares with (default: the sample's own response). */
export interface ValidationSample extends Sample {
  readonly references?: readonly string[];
}

export interface TrainingData {
  readonly train: readonly Sample[];
  /** Without it there is no validation, and phi of an adaptive policy could not move. */
  readonly validation?: readonly ValidationSample[];
  /** Name of the prompt template, as `readInstructions` gives it: checkpoints keep it, see `savedTemplate`. */
  readonly template?: string;
}

export interface OptimizerOptions extends AdamWOptions {
  /** Peak learning rate. Default 5e-4. */
  readonly lr?: number;
}

export interface ValidationOptions {
  /** Optimizer steps between validations, or 'epoch' (default). One more comes before the first step, one at the end. */
  readonly every?: 'epoch' | number;
  /**
   * Generated answers: how many of the validation samples (the first ones) are answered and scored by ROUGE-L. Greedy
   * decoding by default; temperature 1 is what the official code does. Needs `tokenizer`. Default: none.
   */
  readonly rougeL?: { readonly samples: number; readonly temperature?: number };
}

/** How the student answers when it generates its own training data. The defaults are the paper's. */
export interface GenerationOptions {
  /** Default 1. */
  readonly temperature?: number;
  /** Default 1: off. */
  readonly topP?: number;
  /** Default 0: off. */
  readonly topK?: number;
}

export interface FineTuneOptions {
  /** Trained in place. Its parameters must be trainable (`loadModel(..., { trainable: true })`). */
  readonly student: LanguageModel;
  readonly data: TrainingData;
  /** For EOS, for ROUGE-L, and for the checkpoints' tokenizer files. */
  readonly tokenizer?: Tokenizer;
  readonly optimizer?: OptimizerOptions;
  /** Shape of the learning rate over the run, or a function of the step (from 0). Default 'cosine', down to 1e-7. */
  readonly schedule?: 'constant' | 'linear' | 'cosine' | 'noam' | Schedule;
  /** Steps of linear warmup of a named schedule. Default 0. */
  readonly warmupSteps?: number;
  /** Length of the run: passes over the data, or `steps`; one of them. */
  readonly epochs?: number;
  readonly steps?: number;
  /** Sequences in one forward pass. Default 8. */
  readonly batchSize?: number;
  /** Forward passes to one optimizer step: the batch is `batchSize` times this. Default 1. */
  readonly gradAccumulationSteps?: number;
  /**
   * Puts samples of like length into the same batch (still in a random order of batches): less padding, so faster where
   * lengths differ much. Default false: batches are random, as in the official code.
   */
  readonly groupByLength?: boolean;
  /** Adds lmCoef (default 1) times the cross-entropy of as many plain-text samples as the batch has. */
  readonly text?: { readonly samples: readonly Sample[]; readonly lmCoef?: number };
  readonly validation?: ValidationOptions;
  /**
   * New tokens of an answer that is generated, for training or for ROUGE-L. Default 256 (the paper's maximum length of
   * 512 less its 256 for the prompt), or what the models' positions leave after the longest prompt.
   */
  readonly maxNewTokens?: number;
  /** Decides order, generation, replay and dropout. Same seed and data, same run; bit for bit on WASM. Default 10. */
  readonly seed?: number;
  /**
   * Folder (path or store): `best` and `last` in it are Hugging Face folders. Written at validations and at the end;
   * `best` when a validation is (see `ValidationEvent.best`).
   */
  readonly checkpoint?: string | FileStore;
  /** Goes on from `last` in `checkpoint`, if it is there, with the options that the run began with. Default false. */
  readonly resume?: boolean;
  /**
   * Stops after the step in progress (one that is still generating is dropped), writes the `last` checkpoint, and ends
   * the iteration with an 'end' event.
   */
  readonly signal?: AbortSignal;
}

export interface DistillOptions extends FineTuneOptions {
  /** Frozen; same vocabulary and device as the student. */
  readonly teacher: LanguageModel;
  /** Names the first token that differs when vocabularies do not match. */
  readonly teacherTokenizer?: Tokenizer;
  readonly loss: Divergence;
  /** Default `offPolicy()`: plain KD on the data's responses. */
  readonly sgo?: SgoPolicy;
  /** Loss = (1 - kdRatio) cross-entropy + kdRatio divergence. 0 to 1, default 1. */
  readonly kdRatio?: number;
  /** How the student answers when it makes its own training data. */
  readonly generation?: GenerationOptions;
}

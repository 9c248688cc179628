import type { BatchSource, ValidationEffect } from '../sgo/index.js';

/** First event: everything has been checked. */
export interface StartEvent {
  readonly type: 'start';
  /** Optimizer steps done before: 0, or where a resumed run goes on. */
  readonly step: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly trainSamples: number;
  /** Numbers (not tensors) that are trained. */
  readonly trainedParameters: number;
}

/** After each optimizer step. Losses are means over the tokens that count, in nats per token. */
export interface StepEvent {
  readonly type: 'step';
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** From 1. */
  readonly epoch: number;
  readonly source: BatchSource;
  /** The weighted sum of the terms: what the gradient is of. */
  readonly loss: number;
  /** The mean of each term, without its weight: 'divergence', 'crossEntropy' and, of plain text, 'text'. */
  readonly terms: Readonly<Record<string, number>>;
  /** Global L2 norm of the gradient, before clipping. */
  readonly gradNorm: number;
  readonly lr: number;
  /** Probability of training on student outputs. */
  readonly phi: number;
  /** Samples in the replay buffer. */
  readonly bufferSize: number;
  /** Tokens of the batch's sequences, prompts included, padding not. */
  readonly tokens: number;
  /** Tokens that count in the loss. */
  readonly lossTokens: number;
  /** Wall time of the step in ms; `generationMs` of it went into student outputs. */
  readonly stepMs: number;
  readonly generationMs: number;
  /** `tokens` per second of `stepMs`. */
  readonly tokensPerSecond: number;
}

/** An answer of the student beside what was expected. */
export interface ValidationExample {
  readonly prompt: string;
  readonly answer: string;
  readonly references: readonly string[];
  /** 0 to 100. */
  readonly rougeL: number;
}

/** Before the first step, then every `validation.every`, and after the last step. */
export interface ValidationEvent extends ValidationEffect {
  readonly type: 'validation';
  readonly step: number;
  readonly epoch: number;
  /** Cross-entropy on the validation responses, nats per token. It steers phi. */
  readonly loss: number;
  /** Mean ROUGE-L F of the answers, 0 to 100, where `validation.rougeL` asks for it. */
  readonly rougeL?: number;
  readonly examples?: readonly ValidationExample[];
  /**
   * The best so far after the first step: the highest ROUGE-L where it is measured; of equal ones, or where it is not,
   * the lowest loss; of equals in both, the earliest.
   */
  readonly best: boolean;
  readonly ms: number;
}

/** A Hugging Face folder of the student was written. */
export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly kind: 'best' | 'last';
  readonly step: number;
  readonly path: string;
}

/** Last event. */
export interface EndEvent {
  readonly type: 'end';
  readonly step: number;
  /** 'aborted': the signal ended the run before its last step. */
  readonly reason: 'finished' | 'aborted';
  readonly best?: BestValidation;
  readonly ms: number;
}

export interface BestValidation {
  readonly step: number;
  readonly loss: number;
  readonly rougeL?: number;
}

export type TrainingEvent = StartEvent | StepEvent | ValidationEvent | CheckpointEvent | EndEvent;

/** What a run tells while it goes on. Events are plain data: a log, a page or another thread may keep them. */
import type { BatchSource, ValidationEffect } from '../sgo/index.js';

/** Everything has been checked. The first event, but for a run that is resumed on a full disk, see `WaitingEvent`. */
export interface StartEvent {
  /** Which event it is. */
  readonly type: 'start';
  /** Optimizer steps done before: 0, or the step from which a resumed run continues. */
  readonly step: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Optimizer steps of one pass over the data. */
  readonly stepsPerEpoch: number;
  /** Samples that are trained on. */
  readonly trainSamples: number;
  /** Numbers (not tensors) that are trained. */
  readonly trainedParameters: number;
  /** What a run of these settings and data may surprise with, a sentence or two each: records that are left out, say. */
  readonly remarks: readonly string[];
}

/** The teacher answers the prompts of the data, before the first step: at the beginning, and after each batch of them. */
export interface AnswersEvent {
  /** Which event it is. */
  readonly type: 'answers';
  /** Optimizer steps done. */
  readonly step: number;
  /** Prompts that are answered by now: 0 at the beginning. */
  readonly answered: number;
  /** Prompts in all. */
  readonly total: number;
  /** These were in the folder of the run. */
  readonly kept: boolean;
  /** Wall time since the first prompt in ms. */
  readonly ms: number;
}

/** After each optimizer step. Losses are means over the tokens that count, in nats per token. */
export interface StepEvent {
  /** Which event it is. */
  readonly type: 'step';
  /** From 1. */
  readonly step: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** From 1. */
  readonly epoch: number;
  /** What this step trained on. */
  readonly source: BatchSource;
  /** The weighted sum of the terms: what the gradient is of. */
  readonly loss: number;
  /**
   * The mean of each term, without its weight: 'divergence', 'crossEntropy' and, of plain text, 'text'. On the student's
   * own answers there is no 'crossEntropy' beside a divergence.
   */
  readonly terms: Readonly<Record<string, number>>;
  /**
   * What else was measured; absent where there is nothing. On the student's own answers: 'answerLength', their mean in
   * tokens, the one that ends them included, and 'cutAnswers', the share of those that the limit of their length cut.
   * Where `compareEvery` asks for it, means over the tokens on which a divergence is taken: 'teacherEntropy' and
   * 'studentEntropy' in nats at temperature 1, 'agreement', the share whose likeliest token is the same in both, and
   * 'overlap', of the ten likeliest of both the share that is in both. Of taid: 'crossEntropy' of the target to the
   * student, and 't', how far the target was.
   */
  readonly measures?: Readonly<Record<string, number>>;
  /** Global L2 norm of the gradient, before clipping. */
  readonly gradNorm: number;
  /** `loss` or `gradNorm` is not finite, and the step has left the student as it was. */
  readonly skipped: boolean;
  /** Learning rate of this step. */
  readonly lr: number;
  /** Probability of training on student outputs. */
  readonly phi: number;
  /** Samples in the replay buffer. */
  readonly bufferSize: number;
  /** Tokens of the batch's sequences, prompts included, padding not. */
  readonly tokens: number;
  /** Tokens that count in the loss. */
  readonly lossTokens: number;
  /** Wall time of the step in ms. */
  readonly stepMs: number;
  /** Part of `stepMs` in which the student generated answers. */
  readonly generationMs: number;
  /** `tokens` per second of `stepMs`. */
  readonly tokensPerSecond: number;
}

/** An answer of the student beside what was expected. */
export interface ValidationExample {
  /** Text of the prompt. */
  readonly prompt: string;
  /** The student's. */
  readonly answer: string;
  /** What it is compared with. */
  readonly references: readonly string[];
  /** 0 to 100. */
  readonly rougeL: number;
  /** Whether it is one of the references, white space at both ends aside. */
  readonly exactMatch: boolean;
}

/** Before the first step, then every `validation.every`, and after the last step. */
export interface ValidationEvent extends ValidationEffect {
  /** Which event it is. */
  readonly type: 'validation';
  /** Optimizer steps done: 0 before the first. */
  readonly step: number;
  /** Epoch of the last step; 0 before the first. */
  readonly epoch: number;
  /**
   * Cross-entropy on the validation responses, nats per token. It steers phi. Absent where no sample has a token of a
   * response.
   */
  readonly loss?: number;
  /** Mean ROUGE-L F of the answers, 0 to 100, where `validation.rougeL` asks for answers. */
  readonly rougeL?: number;
  /** Answers that are one of their references, 0 to 100. */
  readonly exactMatch?: number;
  /** The answers that were scored. */
  readonly examples?: readonly ValidationExample[];
  /**
   * The best so far after the first step, by `validation.bestBy`: the lowest loss, or the highest score and of equal ones
   * the lowest loss; of equals the earliest. Never after a step that was skipped: such weights are not stored.
   */
  readonly best: boolean;
  /** Wall time of the validation in ms. */
  readonly ms: number;
}

/** A Hugging Face folder of the student was written, and the state of the run with it. */
export interface CheckpointEvent {
  /** Which event it is. */
  readonly type: 'checkpoint';
  /** 'best': by validation; 'last': the newest. */
  readonly kind: 'best' | 'last';
  /** Optimizer steps done. */
  readonly step: number;
  /** Where it was written. */
  readonly path: string;
  /**
   * The run's own folder could not be written to: the name of the folder from which the run can go on. It is `fallbackOut`, or
   * one in it, where that holds another run by now.
   */
  readonly fallback?: string;
}

/**
 * The state of a run cannot be written, for its disk is full or its folder is gone: the run waits, and this event comes
 * with each try that fails. Free some space, or bring the folder back, and it goes on; the signal ends it. Where a run is
 * resumed on a disk that is full, these events come before 'start'.
 */
export interface WaitingEvent {
  /** Which event it is. */
  readonly type: 'waiting';
  /** Optimizer steps done; 0 before the state is read from which a run goes on. */
  readonly step: number;
  /**
   * What cannot be written. 'state': the state of this step. 'shared': that is written, and `best` and `last` cannot be made
   * of it yet. 'folder': the lock, by which a run that goes on takes its folder.
   */
  readonly what: 'state' | 'shared' | 'folder';
  /** 'full': the disk, or this user's share of it; 'gone': the folder, or the disk that it was on. */
  readonly reason: 'full' | 'gone';
  /** The folder of the run. */
  readonly path: string;
  /** What the system says, with the file. */
  readonly message: string;
  /** Bytes of a state, nearly, where one is to be written. */
  readonly neededBytes?: number;
  /** Milliseconds until it is tried again. */
  readonly retryMs: number;
  /** Milliseconds that the run has waited by now. */
  readonly waitedMs: number;
  /** Milliseconds after which it gives up; absent where it never does. */
  readonly limitMs?: number;
}

/** The wait is over, and what had to be written is. */
export interface WaitedEvent {
  /** Which event it is. */
  readonly type: 'waited';
  /** As in the events before it. */
  readonly step: number;
  /** Milliseconds that the run has waited. */
  readonly waitedMs: number;
  /** What people should know of the folder as it came back. */
  readonly remarks: readonly string[];
}

/**
 * The GPU was lost, and the run goes on from its last state. The steps after it are taken again, with the same samples and
 * random draws.
 */
export interface DeviceEvent {
  /** Which event it is. */
  readonly type: 'device';
  /** Optimizer steps done in the state from which the run goes on. */
  readonly step: number;
  /** Why the device was lost, as it told. */
  readonly lost: string;
  /** The device on which the run goes on, as `DeviceInfo.description` has it. */
  readonly device: string;
  /** Where the state was: in the run's folder, or in memory. */
  readonly from: string;
  /** What people should know of how the state was found. */
  readonly remarks: readonly string[];
}

/** Last event. */
export interface EndEvent {
  /** Which event it is. */
  readonly type: 'end';
  /** Optimizer steps done. */
  readonly step: number;
  /** 'aborted': the signal ended the run before its last step. */
  readonly reason: 'finished' | 'aborted';
  /** The best validation after the first step; none without validation data. */
  readonly best?: BestValidation;
  /** The validation before the first step. */
  readonly initial?: BestValidation;
  /** Whether `best` is better than `initial`, by what chooses the best. If not, the training did the model no good. */
  readonly improved?: boolean;
  /** Steps that were skipped, of all of the run: see `StepEvent.skipped`. */
  readonly skippedSteps: number;
  /** What the run should have done and did not, with what to set: student outputs that were never used, say. */
  readonly remarks: readonly string[];
  /** Wall time of the run in ms. */
  readonly ms: number;
}

/** The best validation so far. */
export interface BestValidation {
  /** Optimizer steps done. */
  readonly step: number;
  /** Cross-entropy in nats per token, where it was measured. */
  readonly loss?: number;
  /** 0 to 100, where it was measured. */
  readonly rougeL?: number;
  /** 0 to 100, where it was measured. */
  readonly exactMatch?: number;
}

/** What a run yields. */
export type TrainingEvent =
  | StartEvent
  | AnswersEvent
  | StepEvent
  | ValidationEvent
  | CheckpointEvent
  | WaitingEvent
  | WaitedEvent
  | DeviceEvent
  | EndEvent;

/** Everything that changes while a run goes on. It is what a checkpoint stores and a resume restores. */
import { type AdamW, createAdamW } from '../../optim/index.js';
import { randomSeed } from '../../random.js';
import { disposeGradients } from '../../tensor/index.js';
import { createReplayBuffer, type ReplayBuffer } from '../../text/replayBuffer.js';
import { type LossAtWork, startLoss } from '../losses/index.js';
import { policyFacts, type SgoState, startPolicy } from '../sgo/index.js';
import type { Checkpoints, Progress, StoredRun } from './checkpoint.js';
import type { BestValidation } from './events.js';
import type { Plan } from './plan.js';
import type { Soundness } from './soundness.js';

/** Answers of the student, and how many of them have nothing but white space. */
export interface Answered {
  readonly answers: number;
  readonly empty: number;
}

/** The same with more answers. */
export const withAnswers = ({ answers, empty }: Answered, texts: readonly string[]): Answered => ({
  answers: answers + texts.length,
  empty: empty + texts.filter((text) => text.trim() === '').length,
});
export const noAnswers: Answered = { answers: 0, empty: 0 };

/** Everything that changes during a run, besides the student's weights. */
export interface RunState {
  /** Optimizer steps done. */
  step: number;
  best: BestValidation | undefined;
  /** The validation before the first step. */
  initial: BestValidation | undefined;
  soundness: Soundness;
  readonly optimizer: AdamW;
  sgo: SgoState;
  /** None where nothing is learnt from a teacher. */
  loss: LossAtWork | undefined;
  /** None for a policy that never replays. */
  replay: ReplayBuffer | undefined;
  /** What terms keep from step to step, see `TermStep.memory`. */
  memory: Map<string, number>;
  /** What the student said since this process has the run: at the last validation, and to be trained on. */
  readonly said: { validation: Answered; outputs: Answered };
  /** What people should know of how it was found. */
  remarks: readonly string[];
  dispose(): void;
}

/**
 * A fresh state, or where the plan says resume the one from which the checkpoint goes on.
 * @throws CheckpointError, LimitError
 */
export async function startRun(plan: Plan, checkpoints: Checkpoints | undefined): Promise<RunState> {
  const { objective, settings } = plan;
  const { lr: _, ...adamW } = settings.optimizer;
  const optimizer = createAdamW(objective.student.parameters, adamW);
  let run: RunState | undefined;
  try {
    const stored = plan.resume ? await checkpoints?.restore(optimizer) : undefined;
    run = {
      ...{
        step: 0,
        best: undefined,
        initial: undefined,
        soundness: unspoilt,
        remarks: [],
        said: { validation: noAnswers, outputs: noAnswers },
        replay: undefined,
        memory: new Map(),
        loss: undefined,
        optimizer,
      },
      sgo: startPolicy(plan.sgo, { totalSteps: settings.steps }),
      dispose() {
        optimizer.dispose();
        this.replay?.dispose();
        disposeGradients(objective.student.parameters.values());
      },
    };
    goOnFrom(stored, plan, run);
    return run;
  } catch (error) {
    if (run) run.dispose();
    else optimizer.dispose();
    throw error;
  }
}

const unspoilt: Soundness = { skipped: 0, inARow: 0 };

/** Puts all of a run but weights and moments to where a state has it; to its beginning without one. */
export function goOnFrom(stored: StoredRun | undefined, { sgo, settings }: Plan, run: RunState): void {
  const { seed, steps: totalSteps, loss } = settings;
  const { capacity } = policyFacts(sgo);
  run.replay?.dispose();
  run.replay = stored?.replay;
  if (!run.replay && capacity > 0) run.replay = createReplayBuffer({ capacity, seed: randomSeed(seed, 'replay', 0) });
  run.step = stored?.progress.step ?? 0;
  run.best = stored?.progress.best;
  run.initial = stored?.progress.initial;
  run.soundness = stored?.progress.soundness ?? unspoilt;
  run.memory = new Map(Object.entries(stored?.progress.memory ?? {}));
  run.remarks = stored?.remarks ?? [];
  run.sgo = startPolicy(sgo, { totalSteps, ...(stored && { snapshot: stored.progress.sgo }) });
  run.loss = loss && startLoss(loss, { totalSteps, snapshot: stored?.progress.loss });
}

export const progressOf = ({ step, best, initial, soundness, sgo, memory, loss }: RunState): Progress => ({
  step,
  best,
  initial,
  soundness,
  sgo: sgo.toState(),
  memory: Object.fromEntries(memory),
  loss: loss?.toState(),
});

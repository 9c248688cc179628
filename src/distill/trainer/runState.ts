/** Everything that changes while a run goes on. It is what a checkpoint stores and a resume restores. */
import { type AdamW, createAdamW } from '../../optim/index.js';
import { randomSeed } from '../../random.js';
import { createReplayBuffer, type ReplayBuffer } from '../../text/replayBuffer.js';
import { policyFacts, type SgoState, startPolicy } from '../sgo/index.js';
import type { Checkpoints, Progress } from './checkpoint.js';
import type { BestValidation } from './events.js';
import type { Plan } from './plan.js';
import type { Soundness } from './soundness.js';

/** Everything that changes during a run, besides the student's weights. */
export interface RunState {
  /** Optimizer steps done. */
  step: number;
  best: BestValidation | undefined;
  /** The validation before the first step. */
  initial: BestValidation | undefined;
  soundness: Soundness;
  readonly optimizer: AdamW;
  readonly sgo: SgoState;
  /** None for a policy that never replays. */
  readonly replay: ReplayBuffer | undefined;
  /** What people should know of how it was found. */
  readonly remarks: readonly string[];
  dispose(): void;
}

/**
 * A fresh state, or where the plan says resume the one from which the checkpoint goes on.
 * @throws CheckpointError, LimitError
 */
export async function startRun(plan: Plan, checkpoints: Checkpoints | undefined): Promise<RunState> {
  const { objective, sgo, settings } = plan;
  const { seed, steps: totalSteps } = settings;
  const { lr: _, ...adamW } = settings.optimizer;
  const optimizer = createAdamW(objective.student.parameters, adamW);
  const { capacity } = policyFacts(sgo);
  let replay: ReplayBuffer | undefined;
  const dispose = () => {
    optimizer.dispose();
    replay?.dispose();
    for (const parameter of objective.student.parameters.values()) {
      parameter.grad?.dispose();
      parameter.grad = undefined;
    }
  };
  try {
    const stored = plan.resume ? await checkpoints?.restore(optimizer) : undefined;
    replay = stored?.replay;
    if (!replay && capacity > 0) replay = createReplayBuffer({ capacity, seed: randomSeed(seed, 'replay', 0) });
    return {
      step: stored?.progress.step ?? 0,
      best: stored?.progress.best,
      initial: stored?.progress.initial,
      soundness: stored?.progress.soundness ?? { skipped: 0, inARow: 0 },
      optimizer,
      sgo: startPolicy(sgo, { totalSteps, ...(stored && { snapshot: stored.progress.sgo }) }),
      replay,
      remarks: stored?.remarks ?? [],
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

export const progressOf = ({ step, best, initial, soundness, sgo }: RunState): Progress => ({
  step,
  best,
  initial,
  soundness,
  sgo: sgo.toState(),
});

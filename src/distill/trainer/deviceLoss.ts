/**
 * A run whose GPU is lost goes on from its last state: the newest one in its folder or, until there is one and where a
 * run has no folder, one in the host's memory, which is taken when a state would be written. What training does not
 * change, the teacher's weights above all, is copied to the host when the run begins.
 */
import type { Storage } from '../../backend/backend.js';
import { type Recovery, recoveryOf } from '../../backend/recovery.js';
import { DeviceError } from '../../errors.js';
import { disposeGradients, settleWeight, type Tensor } from '../../tensor/index.js';
import { restoreReplayBuffer } from '../../text/replayBuffer.js';
import type { Checkpoints, Progress, StoredRun } from './checkpoint.js';
import type { DeviceEvent } from './events.js';
import type { Plan } from './plan.js';
import { goOnFrom, progressOf, type RunState } from './runState.js';
import { stateName } from './stateFolder.js';

/** What a run does about the loss of its device. */
export interface DeviceGuard {
  /** Takes a state into memory: for a run without a folder, at each time when one with a folder would write. */
  remember(run: RunState): Promise<void>;
  /** Says that a state was written, in place of which none need be in memory. */
  wrote(): void;
  /** Says that all but weights and moments has changed since the state in memory: a validation before the first step. */
  observed(run: RunState): void;
  /**
   * Opens the device again, and puts the run back to its last state.
   * @param error what ended its work
   * @throws `error`, where the device was not lost; DeviceError where the run cannot go on
   */
  recover(error: unknown, run: RunState): Promise<DeviceEvent>;
}

/** A device that is lost so often, without a state in between, does not serve. */
const mostLosses = 5;
/** Seconds between attempts to open a device again: a driver that crashed needs some. */
const waits = [0, 1, 4, 15];

/**
 * Makes what is needed to go on after a loss, at the beginning of a run or of a resumed one. On a device that is never
 * lost, and for a run that is to end, that is nothing.
 */
export async function guardDevice(
  plan: Plan,
  run: RunState,
  checkpoints: Checkpoints | undefined,
): Promise<DeviceGuard> {
  const { device } = plan.objective.student;
  const { onDeviceLoss } = plan.settings;
  const recovery = recoveryOf(device);
  if (!recovery || onDeviceLoss === 'stop') return unguarded(plan, recovery);
  const trained = trainedOf(plan, run);
  const frozen = await recovery.keep(new Set(trained.map(({ storage }) => storage)));
  // A run that was resumed has its state in its folder.
  let remembered = plan.resume ? undefined : await rememberState(run, trained);
  let losses = 0;

  async function reopen(lost: DeviceError): Promise<void> {
    for (const [attempt, wait] of waits.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
      try {
        return await (recovery as Recovery).reopen(onDeviceLoss === 'wasm' ? 'wasm' : 'webgpu', frozen);
      } catch (cause) {
        if (attempt < waits.length - 1) continue;
        const why = cause instanceof Error ? cause.message : String(cause);
        const advice = onDeviceLoss === 'wasm' ? '' : " Resume it later, or with onDeviceLoss 'wasm'.";
        throw new DeviceError(`${lostInWords(lost)} and could not be opened again: ${why}${advice}`, { cause });
      }
    }
  }

  async function restore(run: RunState): Promise<void> {
    const stored = remembered ? recallState(remembered, trained, run) : await checkpoints?.restore(run.optimizer);
    goOnFrom(stored, plan, run);
    // WebAssembly reads a matrix fastest in an order of its own.
    for (const weight of plan.teachers.flatMap(({ model }) => [...model.weights.values()])) {
      if (!weight.values.requiresGrad) settleWeight(weight);
    }
  }

  return {
    async remember(state) {
      losses = 0;
      remembered = await rememberState(state, trained);
    },
    wrote() {
      losses = 0;
      remembered = undefined;
    },
    observed(state) {
      if (remembered) remembered = { ...remembered, progress: progressOf(state) };
    },
    async recover(first, state) {
      // The device that is opened may be lost as well, before the state is in it.
      for (let error = first; ; ) {
        const lost = await recovery.whyLost();
        if (!lost) throw error;
        if (++losses > mostLosses) {
          throw new DeviceError(
            `${lostInWords(lost)}, ${losses} times since the last state, at step ${state.step}. ${resumeLater(plan)}`,
            { found: losses, expected: mostLosses, cause: lost },
          );
        }
        disposeGradients(plan.objective.student.parameters.values());
        await reopen(lost);
        try {
          await restore(state);
        } catch (again) {
          error = again;
          continue;
        }
        const folder = typeof plan.checkpoint === 'string' ? plan.checkpoint : plan.checkpoint?.name;
        return {
          type: 'device',
          step: state.step,
          lost: lostInWords(lost),
          device: device.info.description,
          from: remembered || folder === undefined ? 'memory' : `${folder}/${stateName(state.step)}`,
          remarks: state.remarks,
        };
      }
    },
  };
}

/** A run that ends with its device says so, and how to go on. */
function unguarded(plan: Plan, recovery: Recovery | undefined): DeviceGuard {
  return {
    async remember() {},
    wrote() {},
    observed() {},
    async recover(error, { step }) {
      const lost = await recovery?.whyLost();
      if (!lost) throw error;
      throw new DeviceError(`${lostInWords(lost)}, at step ${step}. ${resumeLater(plan)}`, {
        found: lost.found,
        cause: lost,
      });
    },
  };
}

const lostInWords = ({ message }: DeviceError): string => message.replace(/\. Open a new one\.$/, '');

const resumeLater = ({ checkpoint }: Plan): string =>
  checkpoint === undefined ? 'The run has no checkpoint to go back to.' : 'Resume the run from its last state.';

/** What training changes on the device. */
interface TrainedTensor {
  readonly tensor: Tensor;
  readonly storage: Storage;
  /** Moments are zeros until the first update. */
  readonly isMoment: boolean;
}

function trainedOf({ objective: { student } }: Plan, { optimizer }: RunState): TrainedTensor[] {
  const as = (isMoment: boolean) => (tensor: Tensor) => ({ tensor, storage: tensor.storage, isMoment });
  const parameters = [...student.parameters.values()].filter(({ requiresGrad }) => requiresGrad);
  const moments = [...optimizer.moments.values()].flatMap(({ m, v }) => [m, v]);
  return [...parameters.map(as(false)), ...moments.map(as(true))];
}

/** A state in the host's memory. */
interface RememberedState {
  readonly progress: Progress;
  readonly values: ReadonlyMap<Tensor, Float32Array>;
  /** Updates of each parameter. */
  readonly updates: ReadonlyMap<string, number>;
  readonly replay: Uint8Array | undefined;
}

async function rememberState(run: RunState, trained: readonly TrainedTensor[]): Promise<RememberedState> {
  const updates = new Map([...run.optimizer.moments].map(([name, { steps }]) => [name, steps]));
  const isUpdated = [...updates.values()].some((steps) => steps > 0);
  const values = new Map<Tensor, Float32Array>();
  for (const { tensor, isMoment } of trained) {
    if (isUpdated || !isMoment) values.set(tensor, (await tensor.read()) as Float32Array);
  }
  return { progress: progressOf(run), values, updates, replay: run.replay?.serialize() };
}

function recallState(
  { progress, values, updates, replay }: RememberedState,
  trained: readonly TrainedTensor[],
  { optimizer }: RunState,
): StoredRun {
  for (const { tensor } of trained) tensor.set(values.get(tensor) ?? new Float32Array(tensor.size));
  for (const [name, moments] of optimizer.moments) moments.steps = updates.get(name) ?? 0;
  return { progress, replay: replay && restoreReplayBuffer(replay), remarks: [] };
}

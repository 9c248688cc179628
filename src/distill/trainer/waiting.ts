/**
 * Storing a run where that may fail for a while: a disk is full, a folder is gone. What was learnt since the last state
 * is in memory alone, so the run waits and tries again, and says so each time. When the wait ends by a signal or by its
 * limit, and at once where the failure is none that passes, the state goes to a second folder where one was given; else
 * the run ends with an error that says what is lost.
 */
import { CheckpointError, DistillmError, OptionError } from '../../errors.js';
import { NothingThere } from '../../io/fileStore.js';
import { storedParameters } from '../../models/storedParameters.js';
import { isSystemError } from '../../systemReason.js';
import type { Checkpoints } from './checkpoint.js';
import type { CheckpointEvent, WaitedEvent, WaitingEvent } from './events.js';
import type { Plan } from './plan.js';
import { progressOf, type RunState } from './runState.js';
import { stateName } from './stateFolder.js';

/** Between two tries, at least. A try writes until the disk is full, so that a long one is not repeated so soon. */
const RETRY_MS = 10_000;
const RESTS_A_TRY = 4;
/** After a signal a run without a second folder goes on trying for so long: who ends it may still make room. */
const ENDING_MS = 60_000;

const full = ['ENOSPC', 'EDQUOT'];
const gone = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTCONN', 'ESTALE', 'EHOSTDOWN', 'ETIMEDOUT'];

/** Why a state could not be written, where that may pass; undefined for all else. */
export function passingReason(error: unknown): WaitingEvent['reason'] | undefined {
  if (error instanceof NothingThere) return 'gone';
  for (let each = error; each instanceof Error; each = each.cause) {
    if (isSystemError(each) && full.includes(each.code)) return 'full';
    if (isSystemError(each) && gone.includes(each.code)) return 'gone';
    // What browsers throw when their private storage is full.
    if (each.name === 'QuotaExceededError') return 'full';
  }
  return undefined;
}

/** Whether it was the folder that failed, not the device or the numbers: another folder may take the state. */
const isOfFolder = (error: unknown): error is Error =>
  error instanceof Error &&
  (!(error instanceof DistillmError) || error instanceof CheckpointError || error instanceof OptionError);

/** What is stored, and where. */
interface Storing {
  readonly plan: Plan;
  readonly checkpoints: Checkpoints;
  readonly run: RunState;
  /** Step of the newest state that is stored; 0 before the first. */
  readonly saved: number;
  /** Writes the state, by either way of the checkpoints. */
  write(save: Checkpoints['save']): Promise<CheckpointEvent[]>;
}

/**
 * Writes the state, once there is room.
 * @throws CheckpointError where it could not be written, naming the second folder that has it, or what is lost
 */
export async function* store(
  storing: Storing,
): AsyncGenerator<CheckpointEvent | WaitingEvent | WaitedEvent, void, undefined> {
  const { plan, checkpoints, run, write } = storing;
  const { signal, settings } = plan;
  const began = performance.now();
  const limitMs = settings.waitForRoom === 'forever' ? undefined : 60_000 * Number.parseFloat(settings.waitForRoom);
  let reason: WaitingEvent['reason'] | undefined;
  let abortedAt: number | undefined;
  for (;;) {
    const started = performance.now();
    try {
      const events = await write(checkpoints.save);
      if (reason)
        yield { type: 'waited', step: run.step, waitedMs: started - began, remarks: await mended(storing, reason) };
      yield* events;
      return;
    } catch (error) {
      if (!isOfFolder(error)) throw error;
      reason = passingReason(error);
      if (!reason) {
        yield* giveUp(storing, { error });
        return;
      }
      const now = performance.now();
      if (signal?.aborted) abortedAt ??= now;
      const ends = [
        ...(limitMs === undefined ? [] : [limitMs]),
        ...(abortedAt === undefined ? [] : [abortedAt - began + (checkpoints.saveElsewhere ? 0 : ENDING_MS)]),
      ];
      const end = ends.length > 0 ? Math.min(...ends) : undefined;
      const waitedMs = now - began;
      if (end !== undefined && waitedMs >= end) {
        yield* giveUp(storing, { error, waitedMs });
        return;
      }
      const retryMs = Math.min(Math.max(RETRY_MS, RESTS_A_TRY * (now - started)), (end ?? Infinity) - waitedMs);
      yield {
        ...{ type: 'waiting', step: run.step, reason, path: pathOf(plan), message: error.message },
        ...{ neededBytes: stateBytes(run, plan), retryMs, waitedMs },
        ...(end !== undefined && { limitMs: end }),
      };
      await rest(retryMs, signal);
    }
  }
}

const pathOf = ({ checkpoint }: Plan): string =>
  typeof checkpoint === 'string' ? checkpoint : (checkpoint?.name ?? '');

/** Until it is time, or the signal comes. */
function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (!signal?.aborted) signal?.addEventListener('abort', done);
  });
}

/** A folder that was gone may have come back without what it held. */
async function mended({ checkpoints, run }: Storing, reason: WaitingEvent['reason']): Promise<readonly string[]> {
  if (reason === 'full') return [];
  const { best, remarks } = await checkpoints.mend(progressOf(run));
  run.best = best;
  return remarks;
}

/** The student or its adapter, two moments of each trained weight, and the replay buffer. */
function stateBytes({ optimizer, replay }: RunState, { objective: { student } }: Plan): number {
  const sizes = [
    ...storedParameters(student).values(),
    ...[...optimizer.moments.values()].flatMap(({ m, v }) => [m, v]),
  ];
  const buffer = replay ? replay.serialize().byteLength : 0;
  return sizes.reduce((total, { size }) => total + 4 * size, buffer);
}

async function* giveUp(
  { plan, checkpoints, run, saved, write }: Storing,
  { error, waitedMs }: { readonly error: Error; readonly waitedMs?: number },
): AsyncGenerator<CheckpointEvent, void, undefined> {
  const { signal, settings } = plan;
  const waited = waitedMs === undefined ? '' : `, after ${Math.round(waitedMs / 1000)} s of waiting`;
  const what = `step ${run.step} of ${settings.steps}: the state cannot be written${waited}: ${error.message}`;
  const loss = lossOf(run.step, saved, waitedMs === undefined ? 'Give' : 'Make room, and give');
  const { saveElsewhere } = checkpoints;
  if (!saveElsewhere) throw new CheckpointError(`${what} ${loss}`, { found: run.step, cause: error });
  const events = await write(saveElsewhere).catch((cause: unknown) => {
    if (!isOfFolder(cause)) throw cause;
    throw new CheckpointError(`${what} Nor can it be in fallbackOut: ${cause.message} ${loss}`, {
      found: run.step,
      cause,
    });
  });
  yield* events;
  // Who ended the run knows; who left it alone is told by an error.
  if (signal?.aborted) return;
  const wanted = typeof plan.fallbackOut === 'string' ? plan.fallbackOut : plan.fallbackOut?.name;
  const folder = events.at(-1)?.fallback;
  const where = `It is in fallbackOut, ${folder}/${stateName(run.step)}: resume from there.`;
  const other = folder === wanted ? '' : ` ${wanted} itself has another run's state by now.`;
  throw new CheckpointError(`${what} ${where}${other}`, { found: run.step, cause: error });
}

function lossOf(step: number, saved: number, advice: string): string {
  const lost = saved === 0 ? `All ${step} steps are` : `The steps after ${saved} are`;
  return `${lost} lost. ${advice} fallbackOut, a folder on another disk.`;
}

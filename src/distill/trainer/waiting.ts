/**
 * Storing a run where that may fail for a while: a disk is full, a folder is gone. What was learnt since the last state
 * is in memory alone, so the run waits and tries again, and says so each time. When the wait ends by a signal or by its
 * limit, and at once where the failure is none that passes, the state goes to a second folder where one was given; else
 * the run ends with an error that says what is lost.
 */
import { CheckpointError, DistillmError, OptionError } from '../../errors.js';
import { NothingThere } from '../../io/fileStore.js';
import { storedParameters } from '../../models/storedParameters.js';
import { isFullDisk, isSystemError } from '../../systemReason.js';
import { type Checkpoints, StateIsStored } from './checkpoint.js';
import type { CheckpointEvent, WaitedEvent, WaitingEvent } from './events.js';
import type { Plan } from './plan.js';
import { progressOf, type RunState } from './runState.js';
import { stateName } from './stateFolder.js';

/** Between two tries, at least. A try writes until the disk is full, so that a long one is not repeated so soon. */
const RETRY_MS = 10_000;
const RESTS_A_TRY = 4;
/** After a signal a run without a second folder goes on trying for so long: who ends it may still make room. */
const ENDING_MS = 60_000;

const gone = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ENOTCONN', 'ESTALE', 'EHOSTDOWN', 'ETIMEDOUT'];

/** Why a state could not be written, where that may pass; undefined for all else. */
export function passingReason(error: unknown): WaitingEvent['reason'] | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof NothingThere) return 'gone';
    if (isFullDisk(each)) return 'full';
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
  const tried = yield* untilRoom(() => write(checkpoints.save), {
    ...{ plan, step: run.step, what: 'state' },
    neededBytes: () => stateBytes(run, plan),
    passes: passingReason,
    endingMs: checkpoints.saveElsewhere ? 0 : ENDING_MS,
  });
  if ('error' in tried) {
    yield* giveUp(storing, tried);
    return;
  }
  const { result, reason, waitedMs } = tried;
  if (reason) yield { type: 'waited', step: run.step, waitedMs, remarks: await mended(storing, reason) };
  yield* result;
}

/**
 * What a run that goes on does in its folder before its first step, once there is room on a disk that is full. Nothing is in
 * memory alone, so the signal ends the wait at once.
 * @param what 'folder' or 'shared', see `WaitingEvent`
 * @returns what it came to; undefined where the signal ended the wait
 * @throws CheckpointError after `waitForRoom`, and for every other failure
 */
export async function* goOnOnceThereIsRoom<T>(
  work: () => Promise<T>,
  { plan, step, what }: { readonly plan: Plan; readonly step: number; readonly what: WaitingEvent['what'] },
): AsyncGenerator<WaitingEvent | WaitedEvent, T | undefined, undefined> {
  const isFull = (error: unknown) => (passingReason(error) === 'full' ? 'full' : undefined);
  const tried = yield* untilRoom(work, { plan, step, what, passes: isFull, endingMs: 0 });
  if (!('error' in tried)) {
    const { result, reason, waitedMs } = tried;
    if (reason) yield { type: 'waited', step, waitedMs, remarks: [] };
    return result;
  }
  const { error, waitedMs } = tried;
  if (waitedMs === undefined) throw error;
  if (plan.signal?.aborted) return undefined;
  throw new CheckpointError(
    `checkpoint ${pathOf(plan)}: the run cannot go on in its folder${afterWaiting(waitedMs)}: ${error.message} Nothing is ` +
      'lost, its states are as they were.',
    { cause: error },
  );
}

/** Work that writes to the folder of a run, and how long it is tried. */
interface Trying extends Pick<WaitingEvent, 'step' | 'what'> {
  readonly plan: Plan;
  /** Bytes of a state, where one is written. */
  readonly neededBytes?: () => number;
  /** Why the work failed, where that may pass. */
  readonly passes: typeof passingReason;
  /** For how long it is tried after the signal. */
  readonly endingMs: number;
}

/** What was tried came to `result`, in the end; `reason` is that of the wait before it, if any. */
interface Succeeded<T> {
  readonly result: T;
  readonly reason: WaitingEvent['reason'] | undefined;
  readonly waitedMs: number;
}

/** Why there is no result. */
interface Failed {
  readonly error: Error;
  /** Absent where the failure is none that passes. */
  readonly waitedMs?: number;
}

/** Tries again and again, and says so each time. @throws what is no failure of the folder */
async function* untilRoom<T>(
  work: () => Promise<T>,
  { plan, step, what, neededBytes, passes, endingMs }: Trying,
): AsyncGenerator<WaitingEvent, Succeeded<T> | Failed, undefined> {
  const { signal, settings } = plan;
  const began = performance.now();
  const limitMs = settings.waitForRoom === 'forever' ? undefined : 60_000 * Number.parseFloat(settings.waitForRoom);
  let reason: WaitingEvent['reason'] | undefined;
  let abortedAt: number | undefined;
  for (;;) {
    const started = performance.now();
    try {
      return { result: await work(), reason, waitedMs: started - began };
    } catch (error) {
      if (!isOfFolder(error)) throw error;
      reason = passes(error);
      if (!reason) return { error };
      const now = performance.now();
      if (signal?.aborted) abortedAt ??= now;
      const isStored = error instanceof StateIsStored;
      const ends = [
        ...(limitMs === undefined ? [] : [limitMs]),
        ...(abortedAt === undefined ? [] : [abortedAt - began + (isStored ? 0 : endingMs)]),
      ];
      const end = ends.length > 0 ? Math.min(...ends) : undefined;
      const waitedMs = now - began;
      if (end !== undefined && waitedMs >= end) return { error, waitedMs };
      const retryMs = Math.min(Math.max(RETRY_MS, RESTS_A_TRY * (now - started)), (end ?? Infinity) - waitedMs);
      yield {
        ...{ type: 'waiting', step, what: isStored ? 'shared' : what, reason, path: pathOf(plan) },
        ...{ message: error.message, retryMs, waitedMs },
        ...(neededBytes && !isStored && { neededBytes: neededBytes() }),
        ...(end !== undefined && { limitMs: end }),
      };
      await rest(retryMs, signal);
    }
  }
}

const afterWaiting = (waitedMs: number | undefined): string =>
  waitedMs === undefined ? '' : `, after ${Math.round(waitedMs / 1000)} s of waiting`;

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

/** A folder that was gone may have come back without what it held. What cannot be put back now is by the next state, or a resume. */
async function mended({ checkpoints, run }: Storing, reason: WaitingEvent['reason']): Promise<readonly string[]> {
  if (reason === 'full') return [];
  try {
    const { best, remarks } = await checkpoints.mend(progressOf(run));
    run.best = best;
    return remarks;
  } catch (error) {
    if (!isOfFolder(error)) throw error;
    return [error.message];
  }
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
  { error, waitedMs }: Failed,
): AsyncGenerator<CheckpointEvent, void, undefined> {
  const { signal, settings } = plan;
  const at = `step ${run.step} of ${settings.steps}`;
  if (error instanceof StateIsStored) {
    throw new CheckpointError(
      `${at}: the state is written, as ${error.state}; what comes after that is not` +
        `${afterWaiting(waitedMs)}: ${error.message} Nothing is lost: a run that is resumed goes on from it, and makes ` +
        'best and last what they are to be.',
      { found: run.step, cause: error },
    );
  }
  const what = `${at}: the state cannot be written${afterWaiting(waitedMs)}: ${error.message}`;
  const loss = lossOf(run.step, saved, waitedMs === undefined ? 'Give' : 'Make room, and give');
  const { saveElsewhere } = checkpoints;
  if (!saveElsewhere) throw new CheckpointError(`${what} ${loss}`, { found: run.step, cause: error });
  const events = await write(saveElsewhere).catch((cause: unknown) => {
    if (!isOfFolder(cause)) throw cause;
    if (cause instanceof StateIsStored) {
      throw new CheckpointError(
        `${what} It is in fallbackOut, ${cause.state}: resume from there. What comes after that failed: ${cause.message}`,
        { found: run.step, cause },
      );
    }
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

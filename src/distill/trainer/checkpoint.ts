/**
 * The folder of a run: its states, and the two models that people take from it. A state is whole or it is not there;
 * the newest whole one is where a run goes on. `best` and `last` are Hugging Face folders that share their files with
 * states.
 */
import * as z from 'zod';
import { templateFile } from '../../checkpoints/index.js';
import { savedTemplateFiles } from '../../data/savedTemplate.js';
import { CheckpointError } from '../../errors.js';
import { short } from '../../inWords.js';
import { NothingThere, type StoreLock, StoreTaken } from '../../io/fileStore.js';
import { requireFinite } from '../../io/finite.js';
import {
  type FileStore,
  openSafetensors,
  readElements,
  type TensorSource,
  type TensorToWrite,
  writeSafetensors,
} from '../../io/index.js';
import { saveModel } from '../../models/saveModel.js';
import { storedParameters, storedTensors } from '../../models/storedParameters.js';
import type { AdamW } from '../../optim/index.js';
import { openFolder } from '../../platform/openFolder.js';
import { parse, ranges } from '../../settings/index.js';
import { isSystemError } from '../../systemReason.js';
import type { Tensor } from '../../tensor/index.js';
import { type ReplayBuffer, restoreReplayBuffer } from '../../text/replayBuffer.js';
import { type LossState, startLoss } from '../losses/index.js';
import { updatesOf } from '../settings.js';
import { type SgoSnapshot, startPolicy } from '../sgo/index.js';
import type { BestValidation, CheckpointEvent } from './events.js';
import { identityDigests, type RunIdentity } from './identity.js';
import type { Plan } from './plan.js';
import { type Run, requireSameRun, requireShapes } from './sameRun.js';
import { shareAgain, shareState } from './sharedFolders.js';
import type { Soundness } from './soundness.js';
import {
  isWeights,
  stateFile,
  stateName,
  stepsOf,
  UnusableState,
  unusable,
  verifyState,
  writeState,
} from './stateFolder.js';

/** What changes during a run, besides the student's weights and the optimizer's moments. */
export interface Progress {
  /** Optimizer steps done. */
  readonly step: number;
  readonly sgo: SgoSnapshot;
  readonly best: BestValidation | undefined;
  readonly initial: BestValidation | undefined;
  readonly soundness: Soundness;
  /** What terms keep from step to step. */
  readonly memory: Readonly<Record<string, number>>;
  /** Where a loss is that changes during the run. */
  readonly loss?: LossState | undefined;
}

/** A stored run: `progress`, the replay buffer, and what people should know of how it was found. */
export interface StoredRun {
  readonly progress: Progress;
  readonly replay: ReplayBuffer | undefined;
  readonly remarks: readonly string[];
}

/**
 * The checkpoints of a run. A state, `state-000120`, is a Hugging Face folder of the student (with the tokenizer's
 * files) and, beside the model, the moments, the replay buffer, the policy and the position. `last/` has the files of
 * the newest state, `best/` the model of the best validation. `keep` states stay, and that of the best.
 */
export interface Checkpoints {
  /** The folder of the run. */
  readonly folder: FileStore;
  /** What `open` looks at, without taking the folder: nothing is written. @throws CheckpointError as `open` */
  examine(): Promise<void>;
  /**
   * Takes the folder for this run alone, until `close`.
   * @throws CheckpointError for what the run would replace: a run that it does not resume, and a folder best/ or last/
   * that no run wrote; where there is nothing to resume; and where another run writes
   */
  open(): Promise<void>;
  /** @throws CheckpointError where the system refuses, and where the folder that was there is gone */
  save(progress: Progress, optimizer: AdamW, replay: ReplayBuffer | undefined): Promise<CheckpointEvent[]>;
  /**
   * The same into `fallbackOut`, or, where that has another run's state by now or another run writes to it, into a folder
   * in it; undefined where there is none. @throws CheckpointError
   */
  readonly saveElsewhere: Checkpoints['save'] | undefined;
  /**
   * Puts the weights of the newest whole state into the student and the moments into the optimizer.
   * @throws CheckpointError where no state is whole, where one cannot be read, or is of a run with other options
   */
  restore(optimizer: AdamW): Promise<StoredRun>;
  /**
   * Compares best/ and last/ with the states of a run that was restored, and shares those again where a run that ended
   * early had not come to it.
   * @returns the best validation whose model there is, and what people should know
   * @throws CheckpointError where the system refuses
   */
  mend(progress: Pick<Progress, 'step' | 'best'>): Promise<{ best: Progress['best']; remarks: readonly string[] }>;
  /** Gives the folder back. */
  close(): Promise<void>;
}

/** A state was written, and is whole: only sharing it as best/ or last/, or removing older ones, failed. */
export class StateIsStored extends CheckpointError {
  /** @param state where it is */
  constructor(
    readonly state: string,
    cause: Error,
  ) {
    super(cause.message, { cause });
  }
}

export function openCheckpoints(plan: Plan, target: string | FileStore): Checkpoints {
  const { student } = plan.objective;
  const root = openFolder(target);
  const elsewhere = plan.fallbackOut === undefined ? undefined : openFolder(plan.fallbackOut);
  let lock: StoreLock | undefined;
  /** Stores in memory have no folder before they have a file. */
  let wasThere = false;
  let wasGone = false;
  let identity: RunIdentity = plan.identity;

  /** The steps of the states, the newest first; none where no folder is. */
  const storedSteps = async (folder = root): Promise<number[]> => {
    try {
      return stepsOf((await folder.list()).folders);
    } catch (error) {
      if (error instanceof NothingThere) return [];
      throw error;
    }
  };

  /**
   * A folder that is gone would be made anew in silence, and one whose mount is lost written to on the disk below. One that
   * was seen to be gone, and is there again without what this run had in it, was made anew: the run takes it.
   * @throws NothingThere, CheckpointError
   */
  const requireThere = async (): Promise<void> => {
    const isThere = await root.list().then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof NothingThere)) throw error;
        return false;
      },
    );
    if (isThere && (await lock?.isHeld())) {
      wasThere = true;
      wasGone = false;
      return;
    }
    if (!isThere) {
      if (!wasThere) return;
      wasGone = true;
      throw new NothingThere(
        `${root.name}: the folder of the run is gone. Mount its disk again, or make the folder anew.`,
      );
    }
    if (!wasGone) {
      throw new NothingThere(`${root.name}: another folder is in the place of the run's. Mount its disk again.`);
    }
    await lock?.();
    lock = await root.lock();
    wasGone = false;
  };

  /**
   * Takes a folder that holds no state. That of another run may have come since this run began, with its last steps as
   * well: neither gives way to the other.
   * @throws CheckpointError
   */
  const takeFree = async (wanted: FileStore): Promise<[FileStore, StoreLock]> => {
    for (let which = 1; ; which++) {
      const folder = which === 1 ? wanted : wanted.folder(`run-${which}`);
      const taken = await folder.lock().catch((error: unknown) => {
        if (!(error instanceof StoreTaken)) throw error;
      });
      if (!taken) continue;
      const steps = await storedSteps(folder).catch(async (error: unknown) => {
        await release(taken);
        throw error;
      });
      if (steps.length === 0) return [folder, taken];
      await release(taken);
    }
  };

  const requireFree = async (): Promise<void> => {
    const [newest] = await storedSteps();
    const [other] = elsewhere ? await storedSteps(elsewhere) : [];
    if (elsewhere && other !== undefined) {
      throw new CheckpointError(
        `fallbackOut ${elsewhere.name} holds a state of a run, of step ${other}: it would be replaced. Go on from it, with ` +
          'that folder as checkpoint and resume: true, or give another folder.',
        { found: other },
      );
    }
    if (plan.resume) {
      if (newest !== undefined) return;
      throw new CheckpointError(
        `checkpoint ${root.name} holds no state of a run, from which to resume. Check the path, or start the run ` +
          'without resume.',
      );
    }
    if (newest !== undefined) {
      throw new CheckpointError(
        `checkpoint ${root.name} holds a run already, at step ${newest}: it would be replaced. Go on with it by ` +
          'resume: true, or give another folder.',
        { found: newest },
      );
    }
    for (const kind of ['best', 'last'] as const) {
      const names = await contentOf(root.folder(kind));
      // A run that was killed before its first state leaves nothing else.
      if (names.length === 0 || names.includes(templateFile)) continue;
      throw new CheckpointError(
        `${root.name}/${kind} holds ${names.slice(0, 5).join(', ')}, and no run wrote it: it would be replaced. ` +
          'Give the run another folder.',
        { found: names },
      );
    }
  };

  /** Removes all states but the newest, the best and the good ones. Those of later steps have been given up. */
  const prune = async (folder: FileStore, { step, best, soundness }: Progress): Promise<void> => {
    const steps = await storedSteps(folder);
    const kept = new Set(steps.filter((each) => each <= step).slice(0, plan.settings.keep));
    for (const each of [best?.step, soundness.good, soundness.shown]) if (each !== undefined) kept.add(each);
    for (const each of steps) if (!kept.has(each)) await folder.remove(stateName(each));
  };

  /** @throws UnusableState, CheckpointError */
  const load = async (
    step: number,
    optimizer: AdamW,
    isGood: (soundness: Soundness) => boolean,
  ): Promise<StoredRun> => {
    const folder = root.folder(stateName(step));
    await verifyState(folder, step);
    const file = await whole(folder, () => openSafetensors(folder, stateFile));
    const state = parseState(folder, file.metadata.state);
    if (state.progress.step !== step) throw malformed(folder, 'progress.step', state.progress.step);
    const { settings } = plan;
    const remarks = requireSameRun(root.name, state, { settings, identity }, { step, plan });
    if (step > settings.steps) throw malformed(folder, 'progress.step', step);

    const { strayedAt } = state.progress.soundness;
    if (!isGood(state.progress.soundness)) {
      throw unusable(folder, `: the validation loss had left its range at step ${strayedAt}`, { found: strayedAt });
    }
    const weights = await whole(folder, () => storedTensors(folder, student));
    const moments = momentsOf(optimizer);
    const parameters = storedParameters(student);
    requireShapes(weights, parameters);
    requireShapes(file, moments);
    const { progress } = state;
    const replay = await whole(folder, async () => {
      const { steps: totalSteps, loss } = settings;
      startPolicy(plan.sgo, { totalSteps, snapshot: progress.sgo });
      if (loss) startLoss(loss, { totalSteps, snapshot: progress.loss });
      for (const [name, tensor] of parameters) tensor.set(await readFinite(weights, name));
      for (const [name, tensor] of moments) tensor.set(await readFinite(file, name));
      for (const [name, updated] of optimizer.moments) {
        const steps = state.steps[name] ?? 0;
        if (steps > step * updatesOf(settings)) throw malformed(folder, `steps.${name}`, steps);
        updated.steps = steps;
      }
      if (!file.entries.has('replay')) return undefined;
      return restoreReplayBuffer(await readElements(file, 'replay', 'U8'), student.vocabSize, plan.teachers.length);
    });
    return { progress, replay, remarks };
  };

  /** The state that was written last, until it is shared: a second try need not write it again. */
  let unshared: { readonly folder: FileStore; readonly step: number; readonly names: readonly string[] } | undefined;

  /**
   * Writes a state, shares it as last/ and, where it is that of the best validation, as best/, and removes old ones.
   * @throws StateIsStored where the state is written, and what comes after it fails; CheckpointError
   */
  const write = async (
    folder: FileStore,
    run: { progress: Progress; optimizer: AdamW; replay: ReplayBuffer | undefined },
  ): Promise<CheckpointEvent[]> => {
    const { step, best } = run.progress;
    const files = { ...plan.tokenizer?.save(), ...savedTemplateFiles(plan.template) };
    const isThere = unshared?.folder === folder && unshared.step === step && (await storedSteps(folder)).includes(step);
    const names =
      isThere && unshared
        ? unshared.names
        : await writeState(folder, step, async (state) => {
            await saveModel(student, state, { files });
            await writeTrainerState(state, { ...run, settings: plan.settings, identity });
          });
    unshared = { folder, step, names };
    const events: CheckpointEvent[] = [];
    try {
      for (const kind of best?.step === step ? (['best', 'last'] as const) : (['last'] as const)) {
        await shareState(folder, kind, step, names);
        events.push({ type: 'checkpoint', kind, step, path: `${folder.name}/${kind}` });
      }
      await prune(folder, run.progress);
    } catch (cause) {
      const steps = await storedSteps(folder).catch((): number[] => []);
      if (!(cause instanceof Error && steps.includes(step))) throw cause;
      throw new StateIsStored(`${folder.name}/${stateName(step)}`, cause);
    }
    unshared = undefined;
    return events;
  };

  const examine = async (): Promise<void> => {
    await requireFree();
    identity = { ...plan.identity, ...(await identityDigests({ ...plan, student })) };
  };

  return {
    folder: root,
    examine,

    async open() {
      await requireFree();
      // Where the disk is full it is tried again.
      lock ??= await root.lock();
      // Another run may have come and gone meanwhile.
      await examine();
      await requireThere();
    },

    async save(progress, optimizer, replay) {
      await requireThere();
      const events = await write(root, { progress, optimizer, replay });
      // It may have gone meanwhile.
      wasThere = true;
      await requireThere();
      return events;
    },

    saveElsewhere:
      elsewhere &&
      (async (progress, optimizer, replay) => {
        const [folder, taken] = await takeFree(elsewhere);
        try {
          const events = await write(folder, { progress, optimizer, replay });
          return events.map((event) => ({ ...event, fallback: folder.name }));
        } finally {
          await release(taken);
        }
      }),

    async restore(optimizer) {
      const steps = await storedSteps();
      let passed: string[] = [];
      const search = async (isGood: (soundness: Soundness) => boolean): Promise<StoredRun | undefined> => {
        passed = [];
        for (const step of steps) {
          try {
            const stored = await load(step, optimizer, isGood);
            if (passed.length === 0) return stored;
            const remark = `The run goes on from ${root.name}/${stateName(step)}, not from the newest state. ${passed.join('. ')}.`;
            return { ...stored, remarks: [remark, ...stored.remarks] };
          } catch (error) {
            if (error instanceof UnusableState) passed.push(error.message);
            else throw error instanceof CheckpointError && passed.length > 0 ? ofOlder(error, step, passed) : error;
          }
        }
        return undefined;
      };
      // A run that has strayed from the first is what it is.
      const isBack = ({ strayedAt, good }: Soundness) => strayedAt === undefined || !steps.includes(good ?? Number.NaN);
      const found = (await search(isBack)) ?? (await search(() => true));
      if (found) return found;
      throw new CheckpointError(
        `checkpoint ${root.name}: no state of the run is whole. ${passed.join('. ')}. Start anew in another folder.`,
        { found: passed },
      );
    },

    async mend({ step, best }) {
      const remarks: string[] = [];
      if (await shareAgain(root, 'last', step)) {
        remarks.push(`${root.name}/last was not ${stateName(step)}, from which the run goes on: it is now.`);
      }
      if (!best) return { best, remarks };
      const state = stateName(best.step);
      try {
        if (await shareAgain(root, 'best', best.step)) {
          remarks.push(`${root.name}/best was not the model of the best validation, of ${state}: it is now.`);
        }
        return { best, remarks };
      } catch (error) {
        if (!(error instanceof NothingThere || error instanceof UnusableState)) throw error;
        const why = error instanceof UnusableState ? `is damaged: ${error.message}` : 'is gone';
        const lost = `The state of the best validation, ${root.name}/${state}, ${why}.`;
        if ((await contentOf(root.folder('best'))).some(isWeights)) {
          const what = `${root.name}/best stays as it is, and may hold an earlier model than that of step ${best.step}.`;
          return { best, remarks: [...remarks, `${lost} ${what}`] };
        }
        return {
          best: undefined,
          remarks: [...remarks, `${lost} The best is chosen anew from the next validation on.`],
        };
      }
    },

    async close() {
      if (lock) await release(lock);
    },
  };
}

/** What is wrong with a run at the state of `step` may be so because newer ones were passed over. */
const ofOlder = (error: CheckpointError, step: number, passed: readonly string[]): CheckpointError =>
  new CheckpointError(`${error.message} That is ${stateName(step)}, and not the newest state. ${passed.join('. ')}.`, {
    ...{ found: error.found, expected: error.expected, cause: error },
  });

/** Who gives a store back is ending, often by an error of its own, which one from here must not replace. */
const release = (lock: StoreLock): Promise<void> => lock().catch(() => {});

/**
 * What is read from a state whose bytes are those that were written: what they say may still be wrong.
 * @throws UnusableState; the system's refusals as they are
 */
async function whole<T>(folder: FileStore, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const isContent = cause instanceof CheckpointError && !isSystemError(cause.cause);
    if (!isContent || cause instanceof UnusableState) throw cause;
    throw unusable(folder, `: ${cause.message.replace(/\.$/, '')}`, { cause });
  }
}

/** Names of what is in a folder; none where there is none. */
async function contentOf(folder: FileStore): Promise<string[]> {
  try {
    const { files, folders } = await folder.list();
    return [...files, ...folders];
  } catch (error) {
    if (error instanceof NothingThere) return [];
    throw error;
  }
}

/** The moments, the replay buffer, and as metadata what is no tensor. */
async function writeTrainerState(
  folder: FileStore,
  run: Run & { progress: Progress; optimizer: AdamW; replay: ReplayBuffer | undefined },
): Promise<void> {
  const { progress, optimizer, replay, settings, identity } = run;
  const tensors = [...momentsOf(optimizer)].map(
    ([name, stored]): TensorToWrite => ({
      name,
      dtype: 'F32',
      shape: stored.shape,
      read: async () => (await stored.read()) as Float32Array,
    }),
  );
  if (replay) {
    const bytes = replay.serialize();
    tensors.push({ name: 'replay', dtype: 'U8', shape: [bytes.length], read: async () => bytes });
  }
  const steps = Object.fromEntries([...optimizer.moments].map(([name, moments]) => [name, moments.steps]));
  const state: StoredState = { progress, settings, identity, steps };
  await writeSafetensors(folder, stateFile, tensors, { metadata: { state: JSON.stringify(state) } });
}

/** @throws CheckpointError for a value that is not finite: the run would go on without one */
async function readFinite(source: TensorSource, name: string): Promise<Float32Array> {
  const values = await readElements(source, name, 'F32');
  requireFinite(values, { source, name });
  return values;
}

const measured = z.number().optional();
const storedValidation = z.object({ step: ranges.countOrZero, loss: measured, rougeL: measured, exactMatch: measured });

/** What the state file holds beside its tensors. */
const storedState = z.object({
  progress: z.object({
    step: ranges.countOrZero,
    sgo: z.record(z.string(), z.number().nullable()),
    memory: z.record(z.string(), z.number()),
    loss: z.record(z.string(), z.number().nullable()).optional(),
    best: storedValidation.optional(),
    initial: storedValidation.optional(),
    soundness: z.object({
      skipped: ranges.countOrZero,
      inARow: ranges.countOrZero,
      strayedAt: ranges.countOrZero.optional(),
      good: ranges.count.optional(),
      shown: ranges.count.optional(),
    }),
  }),
  settings: z.record(z.string(), z.unknown()),
  identity: z.record(z.string(), z.unknown()),
  /** Updates of each parameter. */
  steps: z.record(z.string(), ranges.countOrZero),
});
type StoredState = Run & { readonly progress: Progress; readonly steps: Readonly<Record<string, number>> };

/** Settings and identity are compared with the run's own, name by name, before anything else looks at them. */
function parseState(folder: FileStore, text = ''): StoredState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unusable(folder, `/${stateFile}: its 'state' is no JSON`, { cause });
  }
  return parse(storedState, json, ({ path, found }) => malformed(folder, path, found)) as unknown as StoredState;
}

const malformed = (folder: FileStore, path: string, found: unknown): UnusableState => {
  const words = short(JSON.stringify(found) ?? 'missing');
  return unusable(folder, `/${stateFile}: its 'state' has ${path || 'no object'}: ${words}`, { found });
};

/** The optimizer's moments by their names in the state file. */
const momentsOf = ({ moments }: AdamW): Map<string, Tensor> =>
  new Map(
    [...moments].flatMap(([name, { m, v }]) => [
      [`m.${name}`, m],
      [`v.${name}`, v],
    ]),
  );

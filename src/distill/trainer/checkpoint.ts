/**
 * What a run writes, and how it is found again: the student as Hugging Face folders, and one file that holds the rest
 * of the state.
 */
import * as z from 'zod';
import { openCheckpoint, templateFile } from '../../checkpoints/index.js';
import { savedTemplateFiles } from '../../data/savedTemplate.js';
import { CheckpointError } from '../../errors.js';
import { short } from '../../inWords.js';
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
import type { AdamW } from '../../optim/index.js';
import { openFolder } from '../../platform/openFolder.js';
import { parse, ranges } from '../../settings/index.js';
import type { Tensor } from '../../tensor/index.js';
import type { ReplayBuffer } from '../../text/replayBuffer.js';
import { changedSettings, type RunSettings } from '../settings.js';
import type { SgoSnapshot } from '../sgo/index.js';
import type { BestValidation, CheckpointEvent } from './events.js';
import type { RunIdentity } from './identity.js';
import type { Plan } from './plan.js';

/** What changes during a run, besides the student's weights and the optimizer's moments. */
export interface Progress {
  /** Optimizer steps done. */
  readonly step: number;
  readonly sgo: SgoSnapshot;
  readonly best: BestValidation | undefined;
  readonly initial: BestValidation | undefined;
}

/** A stored run: `progress`, and the bytes of the replay buffer. */
export interface StoredRun {
  readonly progress: Progress;
  readonly replay: Uint8Array | undefined;
}

/**
 * The checkpoints of a run: `best/` and `last/` are Hugging Face folders of the student (with the tokenizer's files).
 * A run resumes from `last/`: its model.safetensors holds the weights, `trainer-state.safetensors` the moments, the
 * replay buffer, the policy and the position. Each folder is replaced as a whole, so that a kill at any moment leaves
 * one whole state, never parts of two.
 */
export interface Checkpoints {
  /**
   * Writes nothing.
   * @throws CheckpointError for what the run would replace: a run that it does not resume, and a folder best/ or last/
   * that no run wrote
   */
  requireFree(): Promise<void>;
  saveBest(step: number): Promise<CheckpointEvent>;
  saveLast(progress: Progress, optimizer: AdamW, replay: ReplayBuffer | undefined): Promise<CheckpointEvent>;
  /**
   * Puts the stored weights into the student and the moments into the optimizer; undefined where nothing is stored.
   * @throws CheckpointError when the state is malformed, of another model, or of a run with other options.
   */
  restore(optimizer: AdamW): Promise<StoredRun | undefined>;
}

const stateFile = 'trainer-state.safetensors';
const format = 'distillm trainer state 2';

export function openCheckpoints(plan: Plan, target: string | FileStore): Checkpoints {
  const { student } = plan.objective;
  const root = openFolder(target);
  const last = root.folder('last');
  const save = async (
    kind: 'best' | 'last',
    step: number,
    writeState?: (folder: FileStore) => Promise<void>,
  ): Promise<CheckpointEvent> => {
    const files = { ...plan.tokenizer?.save(), ...savedTemplateFiles(plan.template) };
    const fill = async (folder: FileStore) => {
      await writeState?.(folder);
      await saveModel(student, folder, { files });
    };
    await root.replaceFolder(kind, fill);
    return { type: 'checkpoint', kind, step, path: `${root.name}/${kind}` };
  };

  return {
    async requireFree() {
      if (await last.exists(stateFile)) {
        if (plan.resume) return;
        const step = await storedStep(last);
        throw new CheckpointError(
          `checkpoint ${root.name} holds a run already${step === undefined ? '' : `, at step ${step}`}: it would be ` +
            'replaced. Go on with it by resume: true, or give another folder.',
          { found: step },
        );
      }
      for (const kind of ['best', 'last'] as const) {
        // A store that cannot list is read only, or has no such folder.
        const { files, folders } = await root
          .folder(kind)
          .list()
          .catch(() => ({ files: [], folders: [] }));
        const names = [...files, ...folders];
        // A run that was killed before its first state leaves the best model alone, with the template beside it.
        if (names.length === 0 || (names as string[]).includes(templateFile)) continue;
        throw new CheckpointError(
          `${root.name}/${kind} holds ${names.slice(0, 5).join(', ')}, and no run wrote it: it would be replaced. ` +
            'Give the run another folder.',
          { found: names },
        );
      }
    },

    saveBest: (step) => save('best', step),

    async saveLast(progress, optimizer, replay) {
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
      const state: StoredState = { progress, settings: plan.settings, identity: plan.identity, steps };
      const metadata = { format, state: JSON.stringify(state) };
      return save('last', progress.step, (folder) => writeSafetensors(folder, stateFile, tensors, { metadata }));
    },

    async restore(optimizer) {
      if (!(await last.exists(stateFile))) return undefined;
      const where = `${last.name}/${stateFile}`;
      const file = await openSafetensors(last, stateFile);
      if (file.metadata.format !== format) {
        throw new CheckpointError(
          `${where}: format is ${JSON.stringify(file.metadata.format)}, expected ${JSON.stringify(format)}. ` +
            'It was written by another version: start the run anew in another folder.',
          { found: file.metadata.format, expected: format },
        );
      }
      const state = parseState(where, file.metadata.state);
      const { settings, identity, arithmeticGiven, derived } = plan;
      const asked = arithmeticGiven && { arithmetic: settings.arithmetic };
      const began = { ...state.settings, ...asked, ...state.identity };
      checkSettings(last.name, began, { ...settings, ...identity }, derived);
      if (state.progress.step > plan.settings.steps) throw malformed(where, 'progress.step', state.progress.step);

      const weights = await (await openCheckpoint(last)).tensors();
      const moments = momentsOf(optimizer);
      checkShapes(weights, student.parameters);
      checkShapes(file, moments);
      for (const [name, target] of student.parameters) target.set(await readFinite(weights, name));
      for (const [name, target] of moments) target.set(await readFinite(file, name));
      for (const [name, updated] of optimizer.moments) updated.steps = state.steps[name] ?? 0;
      const replay = file.entries.has('replay') ? await readElements(file, 'replay', 'U8') : undefined;
      return { progress: state.progress as Progress, replay };
    },
  };
}

/** The step of the run that a folder holds; undefined where its file is spoilt. */
async function storedStep(folder: FileStore): Promise<number | undefined> {
  try {
    const { metadata } = await openSafetensors(folder, stateFile);
    return parseState(folder.name, metadata.state).progress.step;
  } catch {
    return undefined;
  }
}

const measured = z.number().optional();
const storedValidation = z.object({ step: z.number(), loss: measured, rougeL: measured, exactMatch: measured });

/** @throws CheckpointError for a value that is not finite: the run would go on without one */
async function readFinite(source: TensorSource, name: string): Promise<Float32Array> {
  const values = await readElements(source, name, 'F32');
  requireFinite(values, { source, name });
  return values;
}

/** What the state file holds beside its tensors. */
const storedState = z.object({
  progress: z.object({
    step: ranges.countOrZero,
    sgo: z.record(z.string(), z.number().nullable()),
    best: storedValidation.optional(),
    initial: storedValidation.optional(),
  }),
  settings: z.record(z.string(), z.unknown()),
  identity: z.record(z.string(), z.unknown()),
  /** Updates of each parameter. */
  steps: z.record(z.string(), ranges.countOrZero),
});
type StoredState = Omit<z.output<typeof storedState>, 'progress' | 'settings' | 'identity'> & {
  readonly progress: Progress;
  readonly settings: RunSettings;
  readonly identity: RunIdentity;
};

function parseState(where: string, text = ''): z.output<typeof storedState> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${where}: its 'state' is no JSON. The file is spoilt: start anew in another folder.`, {
      cause,
    });
  }
  return parse(storedState, json, ({ path, found }) => malformed(where, path, found));
}

const malformed = (where: string, path: string, found: unknown) =>
  new CheckpointError(
    `${where}: its 'state' has ${path || 'no object'}: ${short(JSON.stringify(found) ?? 'missing')}. ` +
      'The file is spoilt: start anew in another folder.',
    { found },
  );

/** The optimizer's moments by their names in the state file. */
const momentsOf = ({ moments }: AdamW): Map<string, Tensor> =>
  new Map(
    [...moments].flatMap(([name, { m, v }]) => [
      [`m.${name}`, m],
      [`v.${name}`, v],
    ]),
  );

/** @throws CheckpointError naming the first tensor that the source lacks or has in another shape */
function checkShapes({ name: where, entries }: TensorSource, targets: Iterable<readonly [string, Tensor]>): void {
  for (const [name, { shape }] of targets) {
    const found = entries.get(name)?.shape;
    if (found?.join() === shape.join()) continue;
    throw new CheckpointError(
      `${where}: '${name}' is ${found ? `[${found.join(', ')}]` : 'missing'}, expected [${shape.join(', ')}]. ` +
        'The run trained another student.',
      { found, expected: shape },
    );
  }
}

/**
 * @param derived words for settings that nobody gave
 * @throws CheckpointError naming each setting, and each fact of the models, that is not what the run began with
 */
function checkSettings(folder: string, began: object, goesOn: object, derived: ReadonlyMap<string, string>): void {
  const changed = changedSettings(began, goesOn);
  if (changed.length === 0) return;
  const words = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value).replaceAll('"', ''));
  const list = changed
    .map(({ name, was, is }) => `${derived.get(name) ?? name} was ${words(was)} and is ${words(is)}`)
    .join('; ');
  const other = changed.find(({ name }) => name === 'arithmetic');
  const consent = other ? `, or give arithmetic '${other.is}' to go on with it (last bits then differ)` : '';
  const longer = changed.some(({ name }) => name === 'steps')
    ? ` A resumed run keeps its length, by which the schedule goes: to train longer, start anew from the model in ${folder}.`
    : '';
  throw new CheckpointError(
    `${folder}/${stateFile}: the run began with other settings: ${list}. Resume with the same${consent}, or start anew ` +
      `in another folder.${longer}`,
    { found: goesOn, expected: began },
  );
}

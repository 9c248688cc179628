/**
 * What a run writes, and how it is found again: the student as Hugging Face folders, and one file that holds the rest
 * of the state.
 */
import { openCheckpoint } from '../../checkpoints/index.js';
import { savedTemplateFiles } from '../../data/savedTemplate.js';
import { CheckpointError } from '../../errors.js';
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
import type { Tensor } from '../../tensor/index.js';
import type { ReplayBuffer } from '../../text/replayBuffer.js';
import { changedSettings, type RunSettings } from '../settings.js';
import type { SgoSnapshot } from '../sgo/index.js';
import type { BestValidation, CheckpointEvent } from './events.js';
import type { Plan } from './plan.js';

/** What changes during a run, besides the student's weights and the optimizer's moments. */
export interface Progress {
  /** Optimizer steps done. */
  readonly step: number;
  readonly sgo: SgoSnapshot;
  readonly best: BestValidation | undefined;
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
  const trained = [...student.parameters].filter(([, parameter]) => parameter.requiresGrad);
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
      const state: StoredState = { progress, settings: plan.settings, steps };
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
      checkSettings(where, state.settings, plan.settings);

      const weights = await (await openCheckpoint(last)).tensors();
      const moments = momentsOf(optimizer);
      checkShapes(weights, trained);
      checkShapes(file, moments);
      for (const [name, target] of trained) target.set(await readElements(weights, name, 'F32'));
      for (const [name, target] of moments) target.set(await readElements(file, name, 'F32'));
      for (const [name, updated] of optimizer.moments) updated.steps = state.steps[name] ?? 0;
      const replay = file.entries.has('replay') ? await readElements(file, 'replay', 'U8') : undefined;
      return { progress: state.progress, replay };
    },
  };
}

/** What the state file holds beside its tensors. */
interface StoredState {
  readonly progress: Progress;
  readonly settings: RunSettings;
  /** Updates of each parameter. */
  readonly steps: Readonly<Record<string, number>>;
}

function parseState(where: string, text = ''): StoredState {
  try {
    return JSON.parse(text) as StoredState;
  } catch (cause) {
    throw new CheckpointError(`${where}: its 'state' is no JSON. The file is spoilt: start anew in another folder.`, {
      cause,
    });
  }
}

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

/** @throws CheckpointError naming each setting that is not what the run began with */
function checkSettings(where: string, began: object, goesOn: object): void {
  const changed = changedSettings(began, goesOn);
  if (changed.length === 0) return;
  const words = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value).replaceAll('"', ''));
  const list = changed.map(({ name, was, is }) => `${name} was ${words(was)} and is ${words(is)}`).join('; ');
  throw new CheckpointError(
    `${where}: the run began with other settings: ${list}. Resume with the same, or start anew in another folder.`,
    { found: goesOn, expected: began },
  );
}

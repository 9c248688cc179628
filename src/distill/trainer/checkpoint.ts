import { CheckpointError } from '../../errors.js';
import { type FileStore, openFolder, openSafetensors, type TensorToWrite, writeSafetensors } from '../../io/index.js';
import { saveModel } from '../../models/saveModel.js';
import type { AdamW } from '../../optim/index.js';
import type { ReplayBuffer } from '../../text/replayBuffer.js';
import type { SgoSnapshot } from '../sgo/index.js';
import type { BestValidation, CheckpointEvent } from './events.js';
import type { Plan } from './plan.js';

/** What changes while a run goes on, besides the student's weights and the optimizer's moments. */
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
 * `last/trainer-state.safetensors` alone is what a run resumes from: trained weights, moments, replay buffer, policy and
 * position in one file, so that a kill at any moment leaves one whole state, never parts of two.
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
const format = 'distillm trainer state 1';

export function openCheckpoints(plan: Plan, target: string | FileStore): Checkpoints {
  const { student } = plan.objective;
  const root = openFolder(target);
  const [best, last] = [subfolder(root, 'best'), subfolder(root, 'last')];
  const trained = [...student.parameters].filter(([, parameter]) => parameter.requiresGrad);
  const saveStudent = async (kind: 'best' | 'last', step: number): Promise<CheckpointEvent> => {
    const store = kind === 'best' ? best : last;
    await saveModel(student, store, { files: plan.tokenizer?.save() ?? {} });
    return { type: 'checkpoint', kind, step, path: store.name };
  };

  return {
    saveBest: (step) => saveStudent('best', step),

    async saveLast(progress, optimizer, replay) {
      const { steps, m, v } = await optimizer.exportState();
      const moment = (kind: string, values: ReadonlyMap<string, Float32Array>) =>
        [...values].map(([name, data]) => tensor(`${kind}.${name}`, async () => data, [data.length]));
      const weights = trained.map(([name, parameter]) =>
        tensor(`weight.${name}`, async () => (await parameter.read()) as Float32Array, [parameter.size]),
      );
      const tensors = [...weights, ...moment('m', m), ...moment('v', v)];
      if (replay) {
        // One number a byte: safetensors files here hold f32, and the buffer is small beside the weights.
        const bytes = Float32Array.from(replay.serialize());
        tensors.push(tensor('replay', async () => bytes, [bytes.length]));
      }
      const state = { progress, run: fingerprint(plan), steps: Object.fromEntries(steps) };
      await writeSafetensors(last, stateFile, tensors, { metadata: { format, state: JSON.stringify(state) } });
      return saveStudent('last', progress.step);
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
      const state = JSON.parse(file.metadata.state ?? '') as {
        progress: Progress;
        run: Readonly<Record<string, unknown>>;
        steps: Record<string, number>;
      };
      checkFingerprint(where, state.run, fingerprint(plan));

      const read = async (kind: string) => {
        const entries = new Map<string, Float32Array>();
        for (const [name] of trained) entries.set(name, await file.read(`${kind}.${name}`));
        return entries;
      };
      const weights = await read('weight');
      for (const [name, parameter] of trained) {
        const found = weights.get(name)?.length;
        if (found === parameter.size) continue;
        throw new CheckpointError(`${where}: '${name}' has ${found} elements, the student's ${parameter.size}.`, {
          found,
          expected: parameter.size,
        });
      }
      optimizer.importState({ steps: new Map(Object.entries(state.steps)), m: await read('m'), v: await read('v') });
      for (const [name, parameter] of trained) parameter.set(weights.get(name)!);
      const replay = file.entries.has('replay') ? Uint8Array.from(await file.read('replay')) : undefined;
      return { progress: state.progress, replay };
    },
  };
}

const tensor = (name: string, read: () => Promise<Float32Array>, shape: readonly number[]): TensorToWrite => ({
  name,
  shape,
  read,
});

/** The options that decide what the steps are: a resumed run must have the same. */
function fingerprint(plan: Plan): Readonly<Record<string, unknown>> {
  return {
    seed: plan.seed,
    steps: plan.totalSteps,
    batchSize: plan.batchSize,
    gradAccumulationSteps: plan.gradAccumulationSteps,
    'data.train samples': plan.train.length,
    'text samples': plan.text.length,
    kdRatio: plan.objective.kdRatio,
    loss: plan.objective.distillation?.divergence.kind ?? 'cross-entropy',
    sgo: plan.sgo.name,
    'sgo capacity': plan.sgo.capacity,
  };
}

function checkFingerprint(
  where: string,
  found: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
): void {
  const differing = Object.keys(expected).filter((option) => found[option] !== expected[option]);
  if (differing.length === 0) return;
  const list = differing.map((option) => `${option} was ${found[option]} and is ${expected[option]}`).join('; ');
  throw new CheckpointError(
    `${where}: the run began with other options: ${list}. Resume with the same, or start anew in another folder.`,
    { found, expected },
  );
}

/** A folder of a store, as a store. */
function subfolder(store: FileStore, folder: string): FileStore {
  const inside = (path: string) => `${folder}/${path}`;
  return {
    name: `${store.name}/${folder}`,
    // A store lists the files directly in it: those of a folder are known by name alone.
    list: async () => {
      throw new CheckpointError(`${store.name}/${folder}: a folder inside a store cannot be listed.`);
    },
    exists: (path) => store.exists(inside(path)),
    size: (path) => store.size(inside(path)),
    read: (path, offset, length) => store.read(inside(path), offset, length),
    write: (path, data) => store.write(inside(path), data),
  };
}

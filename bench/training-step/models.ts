import { createModel, type Device, type LanguageModel, type Sample } from 'distillm';
import { tokenAt } from '../frame/measure.ts';
import { headsOf, type TrainingShape } from './shapes.ts';

/** A step drops the first ones: pipelines are compiled in them. */
export const warmup = 4;

interface Course {
  readonly teacher: LanguageModel;
  readonly student: LanguageModel;
  /** One batch; every token but the first of a sequence counts in the loss. */
  readonly data: readonly Sample[];
  readonly dispose: () => void;
}

/** GPT-2 models of random weights, and a batch for them. */
export async function createCourse(device: Device, shape: TrainingShape): Promise<Course> {
  const { batchSize, length, vocab, shrink } = shape;
  const config = ({ layers, width }: TrainingShape['teacher']) => ({
    ...{ model_type: 'gpt2', resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 },
    ...{ n_positions: shape.positions, vocab_size: vocab },
    ...{ n_layer: layers, n_embd: width / shrink, n_head: headsOf({ width }) },
  });
  const teacher = await createModel(config(shape.teacher), { device, trainable: false });
  const student = await createModel(config(shape.student), { device, seed: 1 });
  const data = Array.from({ length: batchSize }, (_, row) => ({
    ids: Int32Array.from({ length }, (_, t) => tokenAt(row, t, vocab)),
    promptLength: 1,
  }));
  const dispose = () => {
    for (const model of [teacher, student]) model.dispose();
  };
  return { teacher, student, data, dispose };
}

/** A step of LoRA on SmolLM2's shapes with random weights: adapters of rank 16 beside all linear layers, base in f32. */
import { createModel, fineTune, loadModel, memoryStore, saveModel } from 'distillm';
import type { Setting, Size } from '../frame/benchmark.ts';
import { summary, tokenAt } from '../frame/measure.ts';
import { type LlamaShape, llamaConfig, smolLM2, smolLM2Tiny } from '../frame/smolLM2.ts';

interface LoraShape {
  readonly model: LlamaShape;
  readonly batchSize: number;
  readonly length: number;
  readonly steps: number;
}

/** pytorch_lora.py has the same. */
const full: LoraShape = { model: smolLM2, batchSize: 4, length: 256, steps: 8 };
const shapes: Readonly<Record<Size, LoraShape>> = {
  large: full,
  full,
  small: { ...full, steps: 4 },
  tiny: { model: smolLM2Tiny, batchSize: 2, length: 32, steps: 6 },
};
/** Steps that are not timed. */
const warmup = 2;

export async function* trainingStepLora({ device, size }: Setting) {
  const { model: shape, batchSize, length, steps } = shapes[size];
  const folder = memoryStore();
  const base = await createModel(llamaConfig(shape), { device, trainable: false });
  await saveModel(base, folder);
  base.dispose();
  const lora = { rank: 16, alpha: 64, dropout: 0.1, targetModules: 'all-linear' };
  const model = await loadModel(folder, { device, trainable: true, lora });
  const train = Array.from({ length: batchSize }, (_, row) => ({
    ids: Int32Array.from({ length }, (_, t) => tokenAt(row, t, shape.vocab_size)),
    promptLength: 1,
  }));
  const [values, losses]: [number[], number[]] = [[], []];
  for await (const event of fineTune({ model, data: { train }, steps, batchSize })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    if (event.step > warmup) values.push((1000 * batchSize * length) / event.stepMs);
  }
  model.dispose();
  if (!((losses.at(-1) as number) < (losses[0] as number))) throw new Error(`losses: ${losses.join(', ')}`);
  yield summary({ case: 'LoRA step', unit: 'tokens/s', values });
}

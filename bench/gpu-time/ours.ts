/**
 * Where the time of a step and of a new token goes on a GPU: in kernels, by its own clock, or in waiting for JavaScript.
 * The kernels are timed in a run of their own, for timing them costs some of their speed.
 */
import { createModel, type Device, distill, generate, skewKL, startProfile } from 'distillm';
import type { WebGPUDevice } from 'distillm/tensor';
import { decodeCases } from '../decode/cases.ts';
import type { Setting } from '../frame/benchmark.ts';
import { type Measurement, summary, tokenAt } from '../frame/measure.ts';
import { createCourse, warmup } from '../training-step/models.ts';
import { recordingShape, trainingShapes } from '../training-step/shapes.ts';

/** Kernels that are listed. */
const listed = 16;

export async function* gpuTime({ device, size }: Setting) {
  if (device.info.kind !== 'webgpu') throw new Error(`gpuTime: ${device.info.description} is no WebGPU adapter`);
  yield* timeTraining(device as WebGPUDevice, size);
  yield* timeDecoding(device as WebGPUDevice, size);
}

async function* timeTraining(device: WebGPUDevice, size: Setting['size']) {
  const [shape, skipped] =
    size === 'tiny' ? [{ ...recordingShape, steps: 2 }, 1] : ([trainingShapes[size], warmup] as const);
  const { teacher, student, data, dispose } = await createCourse(device, shape);
  const { batchSize, steps } = shape;
  const work = async () => {
    let [count, milliseconds] = [0, 0];
    for await (const event of distill({ teacher, student, data: { train: data }, loss: skewKL(), steps, batchSize })) {
      if (event.type !== 'step' || event.step <= skipped) continue;
      count++;
      milliseconds += event.stepMs;
    }
    // All of them were in the profile.
    return { count, milliseconds, profiled: steps };
  };
  yield* timeOf(device, 'step', work);
  dispose();
}

async function* timeDecoding(device: WebGPUDevice, size: Setting['size']) {
  const [{ model: shape, timedTokens: most }] = decodeCases[size] as [(typeof decodeCases)['tiny'][number]];
  const timedTokens = size === 'tiny' ? 4 : most;
  const model = await createModel({ model_type: 'gpt2', ...shape }, { device, trainable: false });
  const prompts = [Int32Array.from({ length: 48 }, (_, t) => tokenAt(0, t, shape.vocab_size))];
  const work = async () => {
    const before = performance.now();
    await generate(model, prompts, { maxNewTokens: timedTokens, temperature: 0 });
    return { count: timedTokens, milliseconds: performance.now() - before, profiled: timedTokens };
  };
  yield* timeOf(device, 'token', work);
  model.dispose();
}

/** `work` says how many units it timed and how long they took, and how many it did in all. */
async function* timeOf(
  device: WebGPUDevice & Device,
  unit: string,
  work: () => Promise<{ count: number; milliseconds: number; profiled: number }>,
): AsyncGenerator<Measurement> {
  await work();
  const before = device.counts();
  const { count, milliseconds, profiled } = await work();
  const after = device.counts();
  const wall = milliseconds / count;
  const perUnit = (name: 'dispatches' | 'submissions') => ((after[name] - before[name]) / profiled).toFixed(1);
  const note = `${perUnit('dispatches')} dispatches in ${perUnit('submissions')} submissions`;
  yield summary({ case: `a ${unit}`, unit: 'ms', values: [wall], note });

  const profile = startProfile(device);
  const { profiled: timed } = await work();
  await profile.stop();
  const kernels = profile.kernels();
  const busy = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0) / timed;
  yield summary({ case: `kernels of a ${unit}`, unit: 'ms', values: [busy] });
  yield summary({ case: `idle share of a ${unit}`, unit: '%', values: [100 * Math.max(0, 1 - busy / wall)] });
  for (const { kernel, calls, milliseconds: total, gflopPerSecond, gbPerSecond } of kernels.slice(0, listed)) {
    const rates = `${gflopPerSecond.toPrecision(3)} GFLOP/s, ${gbPerSecond.toPrecision(3)} GB/s`;
    const note = `${(calls / timed).toFixed(1)} calls, ${rates}`;
    yield summary({ case: `${kernel} in a ${unit}`, unit: 'ms', values: [total / timed], note });
  }
}

import { createModel, type Device, distill, type KernelProfile, skewKL, startProfile } from 'distillm';
import type { WebGPUBackend } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { summary, tokenAt } from '../frame/measure.ts';
import { headsOf, positions, type TrainingShape, trainedModels, trainingShapes } from './shapes.ts';

const warmup = 4;
const base = { model_type: 'gpt2', n_positions: positions, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };
/** All layers, and so little arithmetic that an adapter in software hardly takes time from JavaScript. */
const recording: TrainingShape = { batchSize: 2, length: 16, steps: 104, vocab: 512, shrink: 16 };

export const trainingStep = ({ device, size }: Setting) => train(device, trainingShapes[size]);
/** What a step hands to the device, and how long JavaScript needs for it: the whole graph at tiny widths, whatever the size. */
export const trainingStepRecording = ({ device }: Setting) => train(device, recording);

async function* train(opened: Device, shape: TrainingShape) {
  const { batchSize, length, steps, vocab, shrink } = shape;
  // On WebGPU timing each kernel would cost the step some of its speed.
  const profile = opened.info.kind === 'wasm' ? startProfile(opened) : undefined;
  const watched = opened.info.kind === 'webgpu' ? watchRecording(opened as WebGPUBackend) : undefined;
  const device = watched?.device ?? opened;
  const config = ({ layers, width }: { readonly layers: number; readonly width: number }) => ({
    ...base,
    vocab_size: vocab,
    n_layer: layers,
    n_embd: width / shrink,
    n_head: headsOf({ width }),
  });
  const teacher = await createModel(config(trainedModels.teacher), { device, trainable: false });
  const student = await createModel(config(trainedModels.student), { device, seed: 1 });
  // Every token but the first of a sequence counts in the loss.
  const data = Array.from({ length: batchSize }, (_, row) => ({
    ids: Int32Array.from({ length }, (_, t) => tokenAt(row, t, vocab)),
    promptLength: 1,
  }));

  const values: number[] = [];
  let firstLoss = 0;
  let lastLoss = 0;
  for await (const event of distill({ teacher, student, data: { train: data }, loss: skewKL(), steps, batchSize })) {
    if (event.type !== 'step') continue;
    if (event.step === 1) firstLoss = event.loss;
    lastLoss = event.loss;
    if (event.step === warmup) profile?.reset();
    watched?.step(event.stepMs);
    if (event.step > warmup) values.push((1000 * batchSize * length) / event.stepMs);
  }
  // What is recorded may go to an adapter that does nothing.
  if (shape !== recording && !(lastLoss < firstLoss)) throw new Error(`the loss went from ${firstLoss} to ${lastLoss}`);
  await profile?.stop();
  const recorded = watched?.result();
  const note = profile ? `${gemmShare(profile.kernels())}% of kernel time in GEMM` : recorded?.note;
  yield summary({ case: 'training step', unit: 'tokens/s', values, ...(note ? { note } : {}) });
  if (recorded) yield summary({ case: 'JavaScript a step', unit: 'ms', ...recorded });
  for (const model of [teacher, student]) model.dispose();
}

function gemmShare(kernels: readonly KernelProfile[]): number {
  const time = (some: readonly KernelProfile[]) => some.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return Math.round((100 * time(kernels.filter(({ kernel }) => kernel.startsWith('gemm')))) / time(kernels));
}

/** What a step hands to the device, and how long JavaScript needs for it: all of the step but the wait for its read-back. */
function watchRecording(backend: WebGPUBackend): {
  device: Device;
  step: (stepMs: number) => void;
  result: () => { readonly values: readonly number[]; readonly note: string };
} {
  let waitedMs = 0;
  let before = backend.counts();
  let [submissions, dispatches] = [0, 0];
  const hostMs: number[] = [];
  const device: Device = {
    ...backend,
    read(...what) {
      const result = backend.read(...what);
      const since = performance.now();
      return result.finally(() => {
        waitedMs += performance.now() - since;
      });
    },
  };
  return {
    device,
    step(stepMs) {
      const now = backend.counts();
      submissions = now.submissions - before.submissions;
      dispatches = now.dispatches - before.dispatches;
      hostMs.push(stepMs - waitedMs);
      before = now;
      waitedMs = 0;
    },
    result: () => ({
      values: hostMs.slice(warmup),
      note: `${backend.info.description}: ${dispatches} dispatches in ${submissions} submissions a step`,
    }),
  };
}

import {
  type Backend,
  createModel,
  distill,
  type KernelProfile,
  skewKL,
  startProfile,
  type WebGPUBackend,
} from 'distillm';
import { summary } from '../measure.ts';
import type { Setting } from './benchmark.ts';

const [length, warmup] = [128, 4];
const base = { model_type: 'gpt2', n_positions: 256, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };
const sizes = {
  full: { batchSize: 8, steps: 24, vocab: 4096, shrink: 1 },
  small: { batchSize: 8, steps: 12, vocab: 4096, shrink: 1 },
  tiny: { batchSize: 2, steps: 8, vocab: 512, shrink: 8 },
} as const;

export async function* trainingStep({ device: opened, size }: Setting) {
  const { batchSize, steps, vocab, shrink } = sizes[size];
  // On WebGPU timing each kernel would cost the step some of its speed.
  const profile = opened.info.kind === 'wasm' ? startProfile(opened) : undefined;
  const recording = opened.info.kind === 'webgpu' ? watchRecording(opened as WebGPUBackend) : undefined;
  const device = recording?.device ?? opened;
  const config = (layers: number, width: number) => ({
    ...base,
    vocab_size: vocab,
    n_layer: layers,
    n_embd: width / shrink,
    n_head: width / 64,
  });
  const teacher = await createModel(config(8, 512), { device, trainable: false });
  const student = await createModel(config(4, 256), { device, seed: 1 });
  // Every token but the first of a sequence counts in the loss.
  const train = Array.from({ length: batchSize }, (_, row) => ({
    ids: Int32Array.from({ length }, (_, t) => (row * 7919 + t * 104_729) % vocab),
    promptLength: 1,
  }));

  const values: number[] = [];
  let firstLoss = 0;
  let lastLoss = 0;
  for await (const event of distill({ teacher, student, data: { train }, loss: skewKL(), steps, batchSize })) {
    if (event.type !== 'step') continue;
    if (event.step === 1) firstLoss = event.loss;
    lastLoss = event.loss;
    if (event.step === warmup) profile?.reset();
    recording?.step(event.stepMs);
    if (event.step > warmup) values.push((1000 * batchSize * length) / event.stepMs);
  }
  if (!(lastLoss < firstLoss)) throw new Error(`the loss went from ${firstLoss} to ${lastLoss}`);
  await profile?.stop();
  const note = profile ? `${gemmShare(profile.kernels())}% of kernel time in GEMM` : recording?.note();
  yield summary({ case: 'training step', unit: 'tokens/s', values, ...(note ? { note } : {}) });
  for (const model of [teacher, student]) model.dispose();
}

function gemmShare(kernels: readonly KernelProfile[]): number {
  const time = (some: readonly KernelProfile[]) => some.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return Math.round((100 * time(kernels.filter(({ kernel }) => kernel.startsWith('gemm')))) / time(kernels));
}

/** What a step hands to the device, and how long JavaScript needs for it: all of the step but the wait for its read-back. */
function watchRecording(backend: WebGPUBackend): {
  device: Backend;
  step: (stepMs: number) => void;
  note: () => string;
} {
  let waitedMs = 0;
  let before = backend.counts();
  let [submissions, dispatches] = [0, 0];
  const hostMs: number[] = [];
  const device: Backend = {
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
    note() {
      const sorted = hostMs.slice(warmup).sort((a, b) => a - b);
      const host = (sorted[Math.floor(sorted.length / 2)] as number).toFixed(1);
      return `${backend.info.description}: ${dispatches} dispatches in ${submissions} submissions and ${host} ms of JavaScript a step`;
    },
  };
}

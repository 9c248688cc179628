import { type Device, distill, type KernelProfile, skewKL, startProfile } from 'distillm';
import type { WebGPUDevice } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';
import { createCourse, warmup } from './models.ts';
import { llamaShapes, recordingShape, type TrainingShape, t5Shapes, trainingShapes } from './shapes.ts';

export const trainingStep = ({ device, size }: Setting) => train(device, trainingShapes[size]);
export const trainingStepLlama = ({ device, size }: Setting) => train(device, llamaShapes[size]);
export const trainingStepT5 = ({ device, size }: Setting) => train(device, t5Shapes[size]);
/** What a step hands to the device, and how long JavaScript needs for it: the whole graph at tiny widths, whatever the size. */
export const trainingStepRecording = ({ device }: Setting) => train(device, recordingShape);

async function* train(opened: Device, shape: TrainingShape) {
  const { batchSize, length, steps } = shape;
  // On WebGPU timing each kernel would cost the step some of its speed.
  const profile = opened.info.kind === 'wasm' ? startProfile(opened) : undefined;
  const watched = opened.info.kind === 'webgpu' ? watchRecording(opened as WebGPUDevice) : undefined;
  const device = watched?.device ?? opened;
  const { teacher, student, data, dispose } = await createCourse(device, shape);

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
  if (shape !== recordingShape && !(lastLoss < firstLoss))
    throw new Error(`the loss went from ${firstLoss} to ${lastLoss}`);
  await profile?.stop();
  const recorded = watched?.result();
  const note = profile ? `${gemmShare(profile.kernels())}% of kernel time in GEMM` : recorded?.note;
  yield summary({ case: 'training step', unit: 'tokens/s', values, ...(note ? { note } : {}) });
  if (recorded) yield summary({ case: 'JavaScript a step', unit: 'ms', ...recorded });
  dispose();
}

function gemmShare(kernels: readonly KernelProfile[]): number {
  const time = (some: readonly KernelProfile[]) => some.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return Math.round((100 * time(kernels.filter(({ kernel }) => /^(gemm|linear)/.test(kernel)))) / time(kernels));
}

/** What a step hands to the device, and how long JavaScript needs for it: all of the step but the wait for its read-back. */
function watchRecording(backend: WebGPUDevice): {
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

import { createModel, distill, openDevice, profiled, skewKL } from 'distillm';
import { argument, report } from './measure.ts';

const [batchSize, length, steps, warmup] = [8, 128, 24, 4];
const opened = await openDevice('wasm', { wasm: { threads: Number(argument('threads', '2')) } });
const { device, report: profile, reset } = profiled(opened);
const shape = { model_type: 'gpt2', vocab_size: 4096, n_positions: 256, resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 };
const teacher = await createModel({ ...shape, n_embd: 512, n_layer: 8, n_head: 8 }, { device, trainable: false });
const student = await createModel({ ...shape, n_embd: 256, n_layer: 4, n_head: 4 }, { device, seed: 1 });
// Every token but the first of a sequence counts in the loss.
const train = Array.from({ length: batchSize }, (_, row) => ({
  ids: Int32Array.from({ length }, (_, t) => (row * 7919 + t * 104_729) % 4096),
  promptLength: 1,
}));

const values: number[] = [];
let firstLoss = 0;
let lastLoss = 0;
for await (const event of distill({ teacher, student, data: { train }, loss: skewKL(), steps, batchSize })) {
  if (event.type !== 'step') continue;
  if (event.step === 1) firstLoss = event.loss;
  lastLoss = event.loss;
  if (event.step === warmup) reset();
  if (event.step > warmup) values.push((1000 * batchSize * length) / event.stepMs);
}
if (!(lastLoss < firstLoss)) throw new Error(`the loss went from ${firstLoss} to ${lastLoss}`);
const kernels = profile();
const total = kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
const gemm = kernels.filter(({ kernel }) => kernel.startsWith('gemm'));
const share = gemm.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / total;
report({ case: 'training step', unit: 'tokens/s', values, note: `${Math.round(100 * share)}% of kernel time in GEMM` });
await opened.dispose();

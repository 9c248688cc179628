import { openDevice, run, Tensor } from 'distillm';
import { argument, noise, report } from './measure.ts';

const [rows, vocab] = [512, 50257];
const device = await openDevice('wasm', { wasm: { threads: Number(argument('threads', '2')) } });
const logits = noise(rows * vocab, 1).map((x) => 5 * x);
const teacher = Tensor.from(
  device,
  noise(rows * vocab, 2).map((x) => 5 * x),
  [rows, vocab],
);
const fresh = Tensor.from(device, logits, [rows, vocab]);
const student = Tensor.empty(device, [rows, vocab]);
const labels = Tensor.from(device, new Int32Array(rows), [rows]);
const params = { kind: 5, weight: 0.1, temperature: 1, gradScale: 1 / rows };

let firstMean = 0;
const values: number[] = [];
for (let i = 0; i < 12; i++) {
  // The kernel turns the student's logits into their gradient in place: put them back outside the timer.
  device.copy(fresh.storage, 0, student.storage, 0, 4 * rows * vocab);
  await device.finish();
  const before = performance.now();
  const { loss } = run(device, 'divergence', { teacher, labels, student }, params);
  await device.finish();
  if (i >= 2) values.push(performance.now() - before);
  const mean = ((await loss.read()) as Float32Array).reduce((sum, value) => sum + value, 0) / rows;
  if (!(mean > 0.5 && mean < 20) || (i > 0 && mean !== firstMean))
    throw new Error(`mean loss ${mean} is not plausible`);
  firstMean = mean;
  loss.dispose();
}
report({ case: 'skewKL [512, 50257]', unit: 'ms', values });
await device.dispose();

import { run, Tensor } from 'distillm';
import { noise, summary } from '../measure.ts';
import type { Setting } from './benchmark.ts';

const shapes = { full: [512, 50257], small: [128, 50257], tiny: [7, 1031] } as const;

export async function* divergence({ device, size }: Setting) {
  const [rows, vocab] = shapes[size];
  const logits = (seed: number) => noise(rows * vocab, seed).map((x) => 5 * x);
  const shape = [rows, vocab];
  const teacher = Tensor.from(device, logits(2), shape);
  const fresh = Tensor.from(device, logits(1), shape);
  const student = Tensor.empty(device, shape);
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
  yield summary({ case: `skewKL [${rows}, ${vocab}]`, unit: 'ms', values });
  for (const tensor of [teacher, fresh, student, labels]) tensor.dispose();
}

import { run, Tensor } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';
import { checkRowLosses, divergenceLogits, divergenceName, divergenceShapes, skewAlpha } from './shapes.ts';

export async function* divergence({ device, size }: Setting) {
  const [rows, vocab] = divergenceShapes[size];
  const logits = divergenceLogits(size);
  const shape = [rows, vocab];
  const teacher = Tensor.from(device, logits.teacher, shape);
  const fresh = Tensor.from(device, logits.student, shape);
  const student = Tensor.empty(device, shape);
  const labels = Tensor.from(device, new Int32Array(rows), [rows]);
  // The kernel's number of skewKL.
  const params = { kind: 5, weight: skewAlpha, temperature: 1, gradScale: 1 / rows };

  const values: number[] = [];
  for (let i = 0; i < 12; i++) {
    // The kernel turns the student's logits into their gradient in place: put them back outside the timer.
    device.copy(fresh.storage, 0, student.storage, 0, 4 * rows * vocab);
    await device.finish();
    const before = performance.now();
    const { loss } = run(device, 'divergence', { teacher, labels, student }, params);
    await device.finish();
    if (i >= 2) values.push(performance.now() - before);
    checkRowLosses((await loss.read()) as Float32Array, logits);
    loss.dispose();
  }
  yield summary({ case: divergenceName(size), unit: 'ms', values });
  for (const tensor of [teacher, fresh, student, labels]) tensor.dispose();
}

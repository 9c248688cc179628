import { run, Tensor } from 'distillm/tensor';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';
import { checkRowLosses, divergenceLogits, divergenceName, divergenceShapes, skewAlpha } from './shapes.ts';

/** GPUs, which the large shape is for, take some tenths of a second to reach their clock. */
const warmups = { large: 200, full: 2, small: 2, tiny: 2 } as const;

export async function* divergence({ device, size }: Setting) {
  const [rows, vocab] = divergenceShapes[size];
  const logits = divergenceLogits(size);
  const shape = [rows, vocab];
  const teacher = Tensor.from(device, logits.teacher, shape);
  const fresh = Tensor.from(device, logits.student, shape);
  const student = Tensor.empty(device, shape);
  const labels = Tensor.from(device, new Int32Array(rows), [rows]);
  // The kernel's number of skewKL.
  const params = {
    ...{ kind: 5, weight: skewAlpha, gradScale: 1 / rows },
    ...{ temperature: 1, teacherTemperature: 1, clamp: 0 },
  };

  const values: number[] = [];
  let checked: Tensor | undefined;
  // One after the other, for a GPU that waits for the processor lowers its clock.
  for (let i = 0; i < warmups[size] + 10; i++) {
    // The kernel turns the student's logits into their gradient in place: put them back outside the timer.
    device.copy(fresh.storage, 0, student.storage, 0, 4 * rows * vocab);
    await device.finish();
    const before = performance.now();
    const { loss } = run(device, 'divergence', { teacher, labels, student }, params);
    await device.finish();
    if (i >= warmups[size]) values.push(performance.now() - before);
    checked?.dispose();
    checked = loss;
  }
  if (checked) checkRowLosses((await checked.read()) as Float32Array, logits);
  checked?.dispose();
  yield summary({ case: divergenceName(size), unit: 'ms', values });
  for (const tensor of [teacher, fresh, student, labels]) tensor.dispose();
}

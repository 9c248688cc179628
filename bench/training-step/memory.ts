/** Whether memory stays as it is over 300 steps and the answers that a student writes between them. */
import { distill, generate, skewKL } from 'distillm';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';
import { createCourse } from './models.ts';
import { recordingShape } from './shapes.ts';

/** Memory is looked at so many times. By the middle one all pipelines and buffers are there. */
const looks = 6;
/** Growth of the process after the middle look that is put down to the garbage collector. */
const slackMegabytes = 64;

/** @throws Error when live memory or the process has grown */
export async function* trainingMemory({ device, size, resident }: Setting) {
  const [steps, between] = size === 'tiny' ? [12, 6] : [300, 10];
  const { teacher, student, data, dispose } = await createCourse(device, recordingShape);
  const { batchSize } = recordingShape;
  const prompts = data.map(({ ids }) => ids.slice(0, 4) as Int32Array);
  const live: number[] = [];
  const process: number[] = [];
  for await (const event of distill({ teacher, student, data: { train: data }, loss: skewKL(), steps, batchSize })) {
    if (event.type !== 'step') continue;
    if (event.step % between === 0) await generate(student, prompts, { maxNewTokens: 8, temperature: 1 });
    if (event.step % (steps / looks) !== 0) continue;
    live.push(device.memory().liveBytes / 1e6);
    if (resident) process.push(resident().now / 1e6);
  }
  const note = `${steps} steps`;
  yield summary({ case: 'live memory of the device', unit: 'MB', values: live, note });
  if (resident) yield summary({ case: 'resident memory of the process', unit: 'MB', values: process, note });
  dispose();
  const grown = (values: readonly number[]) => (values.at(-1) as number) - (values[looks / 2] as number);
  if (grown(live) > 0) throw new Error(`live memory grew: ${live.join(', ')} MB`);
  // Over so few steps pipelines are still being compiled.
  if (size === 'tiny' || !resident) return;
  if (grown(process) > slackMegabytes) throw new Error(`the process grew: ${process.join(', ')} MB`);
}

/**
 * The main thread of a page: trains in the worker of `distillm/worker`, or, for comparison, by itself, and watches how long its
 * own tasks take.
 */
import { adaptiveOffPolicy, openDevice, skewReverseKL } from 'distillm';
import { type DistillmWorker, startWorker } from 'distillm/worker';
import { trainEmbedded } from '../../examples/train-embedded.js';
import { bitsOf } from './smallRun.js';

/** What the page's address asks for. */
interface Asked {
  readonly where?: 'worker' | 'page';
  readonly kind?: 'wasm' | 'webgpu';
  /** Of the student's own answers. */
  readonly temperature?: string;
}

interface Options {
  readonly kind: 'wasm' | 'webgpu';
  readonly webgpu: { readonly allowSoftware: true; readonly limits: 'default' };
}

/** What came of a run. */
export interface Trained {
  readonly info: unknown;
  readonly losses: number[];
  readonly sources: string[];
  readonly validations: number[];
  /** Of the final weights of the student, by name. */
  readonly bits: Record<string, number[]>;
}

/** What a page found. */
export interface WorkerRun extends Trained {
  /** Milliseconds of each task of the main thread above 50 ms, from the start of the run to its end. */
  readonly longTasks: number[];
  /** The same of a task that works for 100 ms on purpose: whether such tasks are seen at all. */
  readonly deliberate: number[];
}

const colors = ['red', 'blue', 'green', 'white', 'black', 'pink'];
const things = ['cat', 'door', 'hat', 'car'];
/** Those of examples/train-embedded.ts, which does the same without a worker. */
const records = things.flatMap((thing) =>
  colors.map((color) => ({
    instruction: `What color is the ${thing}?`,
    input: `a ${color} ${thing}`,
    output: `It is ${color}.`,
  })),
);

async function train(distillm: DistillmWorker, options: Options, temperature: number): Promise<Trained> {
  const device = await distillm.openDevice(options);
  const source = { name: 'records.jsonl', text: records.map((record) => JSON.stringify(record)).join('\n') };
  const trainer = await distillm.tokenizerTrainer({ vocabSize: 320, specialTokens: { eos: '<|endoftext|>' } });
  for await (const text of distillm.readTokenizerTexts(source, { template: 'compact' })) await trainer.add(text);
  const tokenizer = await trainer.train();
  const data = await distillm.readInstructions(source, { tokenizer, template: 'compact', validation: 4 });
  const shape = { model_type: 'gpt2', vocab_size: await tokenizer.vocabSize, n_positions: 64, n_head: 2 };
  const teacher = await distillm.createModel({ ...shape, n_embd: 32, n_layer: 2 }, { device, seed: 1 });
  const student = await distillm.createModel({ ...shape, n_embd: 16, n_layer: 1 }, { device, seed: 2 });
  const common = { data, tokenizer, batchSize: 4, steps: 12, optimizer: { lr: 3e-3 }, maxNewTokens: 8, seed: 3 };
  for await (const _ of distillm.fineTune({ ...common, model: teacher }));
  await teacher.setTrainable(false);
  const losses: number[] = [];
  const sources: string[] = [];
  const validations: number[] = [];
  const method = { loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 }) };
  const run = distillm.distill({ ...common, ...method, teacher, student, generation: { temperature } });
  for await (const event of run) {
    if (event.type === 'validation' && event.loss !== undefined) validations.push(event.loss);
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    sources.push(event.source);
  }
  return { info: await device.info, losses, sources, validations, bits: await bitsOf(student) };
}

/** The same run on the main thread. */
async function trainHere(options: Options, temperature: number): Promise<Trained> {
  const device = await openDevice(options);
  const { weights, ...run } = await trainEmbedded(device, { temperature });
  const bits = Object.fromEntries(
    Object.entries(weights).map(([name, values]) => [name, [...new Uint32Array(values.buffer)]]),
  );
  await device.dispose();
  return { ...run, info: device.info, bits };
}

/** Milliseconds of the tasks above 50 ms meanwhile. */
async function watched<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly longTasks: number[] }> {
  const longTasks: number[] = [];
  const take = (entries: readonly PerformanceEntry[]) => {
    for (const { duration } of entries) longTasks.push(duration);
  };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ type: 'longtask' });
  const result = await work();
  // A task has its entry once it has ended.
  await new Promise((resolve) => setTimeout(resolve, 50));
  take(observer.takeRecords());
  observer.disconnect();
  return { result, longTasks };
}

/** Works for 100 ms in one task. */
async function keepBusy(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  for (const end = performance.now() + 100; performance.now() < end; );
}

async function run({ where = 'worker', kind = 'wasm', temperature = '1' }: Asked): Promise<WorkerRun> {
  const options = { kind, webgpu: { allowSoftware: true, limits: 'default' } } as const satisfies Options;
  const distillm = await startWorker();
  const { result, longTasks } = await watched(() =>
    where === 'page' ? trainHere(options, Number(temperature)) : train(distillm, options, Number(temperature)),
  );
  const { longTasks: deliberate } = await watched(keepBusy);
  await distillm.terminate();
  return { ...result, longTasks, deliberate };
}

Object.assign(window, { result: run(Object.fromEntries(new URLSearchParams(location.search))) });

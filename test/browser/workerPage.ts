/** The main thread of a page: trains in the worker of `distillm/worker`, and watches how long its own tasks take. */
import { adaptiveOffPolicy, skewReverseKL } from 'distillm';
import { type DistillmWorker, startWorker } from 'distillm/worker';
import { bitsOf } from './smallRun.js';

/** What a page found. */
export interface WorkerRun {
  readonly info: unknown;
  readonly losses: number[];
  readonly sources: string[];
  /** Of the final weights of the student, by name. */
  readonly bits: Record<string, number[]>;
  /** Milliseconds of each task of the main thread above 50 ms while the worker trained. */
  readonly longTasks: number[];
  /** Turns of a timer of the main thread while the worker trained, in ms between them: the longest. */
  readonly longestGap: number;
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

async function train(distillm: DistillmWorker) {
  const device = await distillm.openDevice({ kind: 'wasm' });
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
  const method = { loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 }) };
  for await (const event of distillm.distill({ ...common, ...method, teacher, student })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    sources.push(event.source);
  }
  return { info: await device.info, losses, sources, bits: await bitsOf(student) };
}

async function run(): Promise<WorkerRun> {
  const distillm = await startWorker();
  const longTasks: number[] = [];
  const observer = new PerformanceObserver((list) => {
    longTasks.push(...list.getEntries().map(({ duration }) => duration));
  });
  observer.observe({ type: 'longtask' });
  let longestGap = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longestGap = Math.max(longestGap, performance.now() - last);
    last = performance.now();
  }, 5);
  const result = await train(distillm);
  clearInterval(timer);
  observer.disconnect();
  await distillm.terminate();
  return { ...result, longTasks, longestGap };
}

(window as unknown as { result: Promise<WorkerRun> }).result = run();

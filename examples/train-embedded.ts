/**
 * The same file runs in Node and in a browser's worker: a small teacher learns an embedded task, then a smaller student
 * is distilled from it, student outputs and replay included. test/browser runs it in both places and compares the bits.
 * @example
 * const { losses } = await trainEmbedded(await openDevice());
 */
import {
  adaptiveOffPolicy,
  createModel,
  type Device,
  distill,
  fineTune,
  readInstructions,
  readTokenizerTexts,
  skewReverseKL,
  tokenizerTrainer,
} from 'distillm';

const colors = ['red', 'blue', 'green', 'white', 'black', 'pink'];
const things = ['cat', 'door', 'hat', 'car'];
const records = things.flatMap((thing) =>
  colors.map((color) => ({
    instruction: `What color is the ${thing}?`,
    input: `a ${color} ${thing}`,
    output: `It is ${color}.`,
  })),
);

export interface EmbeddedRun {
  /** Of each step of the student: nats per token. */
  readonly losses: number[];
  /** What each step trained on. */
  readonly sources: string[];
  /** Of each validation of the student: nats per token. */
  readonly validations: number[];
  /** Final weights of the student by name. */
  readonly weights: Record<string, Float32Array>;
}

/** `temperature`: of the student's own answers. At 0 they hold no chance, so WebGPU's are those of WASM. */
export async function trainEmbedded(device: Device, { steps = 12, temperature = 1 } = {}): Promise<EmbeddedRun> {
  const source = { name: 'records.jsonl', text: records.map((record) => JSON.stringify(record)).join('\n') };
  const trainer = tokenizerTrainer({ vocabSize: 320, specialTokens: { eos: '<|endoftext|>' } });
  for await (const text of readTokenizerTexts(source, { template: 'compact' })) trainer.add(text);
  const tokenizer = await trainer.train();
  const data = await readInstructions(source, { tokenizer, template: 'compact', validation: 4 });
  const shape = { model_type: 'gpt2', vocab_size: tokenizer.vocabSize, n_positions: 64, n_head: 2 };
  const teacher = await createModel({ ...shape, n_embd: 32, n_layer: 2 }, { device, seed: 1 });
  const student = await createModel({ ...shape, n_embd: 16, n_layer: 1 }, { device, seed: 2 });
  const common = { data, tokenizer, batchSize: 4, steps, optimizer: { lr: 3e-3 }, maxNewTokens: 8, seed: 3 };
  for await (const _ of fineTune({ ...common, model: teacher }));
  teacher.setTrainable(false);

  const losses: number[] = [];
  const sources: string[] = [];
  const validations: number[] = [];
  const sgo = adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 });
  const generation = { temperature };
  for await (const event of distill({ ...common, teacher, student, loss: skewReverseKL(), sgo, generation })) {
    if (event.type === 'validation' && event.loss !== undefined) validations.push(event.loss);
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    sources.push(event.source);
  }
  const weights: Record<string, Float32Array> = {};
  for (const [name, tensor] of student.parameters) weights[name] = (await tensor.read()) as Float32Array;
  for (const owned of [teacher, student, tokenizer]) owned.dispose();
  return { losses, sources, validations, weights };
}

/** A page whose runs are in the private files of the site: begun, gone on with, refused. */
import { adaptiveOffPolicy, type FileStore, skewReverseKL } from 'distillm';
import { type Remote, startWorker } from 'distillm/worker';

/** What a page did. */
export interface StoredRun {
  /** Steps that were done before this page. */
  readonly from: number;
  readonly bits: Record<string, number[]>;
  readonly folders: readonly string[];
}

const records = Array.from({ length: 16 }, (_, i) => ({ instruction: `say ${i % 8}`, output: `${i % 8} ${i}` }));
const shape = { model_type: 'gpt2', vocab_size: 270, n_positions: 64, n_head: 2, n_embd: 16, n_layer: 1 };

/** Steps that are done. */
const progress = { step: 0 };

async function train(folder: string, steps: number): Promise<StoredRun> {
  const distillm = await startWorker();
  const device = await distillm.openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const texts = records.map(({ instruction, output }) => `${instruction} ${output}`);
  const tokenizer = await distillm.trainTokenizer(texts, { vocabSize: 270, specialTokens: { eos: '<eos>' } });
  const data = await distillm.readInstructions(records, { tokenizer, template: 'compact', validation: 2 });
  const teacher = await distillm.createModel(shape, { device, seed: 1, trainable: false });
  const student = await distillm.createModel(shape, { device, seed: 2 });
  const checkpoint = `opfs:${folder}`;
  const store = await distillm.openFolder(checkpoint);
  const statesIn = async () => (await store.list().catch(() => ({ folders: [] as readonly string[] }))).folders;
  const resume = (await statesIn()).some((name) => name.startsWith('state-'));
  const run = distillm.distill({
    ...{ teacher, student, tokenizer, data, steps, batchSize: 4, seed: 3, maxNewTokens: 4, optimizer: { lr: 1e-2 } },
    ...{ loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 }) },
    ...{ checkpoint, resume, saveEvery: 2, keep: 1, validation: { every: 1000 } },
  });
  let from = 0;
  for await (const event of run) {
    if (event.type === 'start') from = event.step;
    if (event.type === 'step') progress.step = event.step;
  }
  const bits: Record<string, number[]> = {};
  for (const [name, tensor] of await student.parameters) {
    bits[name] = [...new Uint32Array(((await tensor.read()) as Float32Array).buffer)];
  }
  const folders = [...(await statesIn())].sort();
  await distillm.terminate();
  return { from, bits, folders };
}

/** Writes a file of so many bytes; says what came of it, and what the folder has then. */
async function write(bytes: number) {
  const distillm = await startWorker();
  const store: Remote<FileStore> = await distillm.openFolder('opfs:files');
  const failed = await store.write('large', [new Uint8Array(bytes)]).then(
    () => undefined,
    (error: Error & { code?: string }) => ({ code: error.code, message: error.message }),
  );
  const listed = await store.list();
  await distillm.terminate();
  return { failed, listed };
}

Object.assign(window, { train, write, progress });

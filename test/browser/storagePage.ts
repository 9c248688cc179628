/** A page whose runs are in the private files of the site: begun, gone on with, refused. */
import type { FileStore } from 'distillm';
import { type Remote, startWorker } from 'distillm/worker';
import { bitsOf, method, newTeacher, prepared } from './smallRun.js';

/** What a page did. */
export interface StoredRun {
  /** Steps that were done before this page. */
  readonly from: number;
  readonly bits: Record<string, number[]>;
  readonly folders: readonly string[];
}

/** Steps that are done, and what the run says besides. */
const progress = { step: 0, waiting: [] as string[] };

async function train(folder: string, steps: number): Promise<StoredRun> {
  const distillm = await startWorker();
  const device = await distillm.openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const common = await prepared(distillm, device);
  const teacher = await newTeacher(distillm, device);
  const checkpoint = `opfs:${folder}`;
  const store = await distillm.openFolder(checkpoint);
  const statesIn = async () => (await store.list().catch(() => ({ folders: [] as readonly string[] }))).folders;
  const resume = (await statesIn()).some((name) => name.startsWith('state-'));
  const run = distillm.distill({
    ...{ ...common, ...method, teacher, steps, batchSize: 4, seed: 3, optimizer: { lr: 1e-2 } },
    ...{ checkpoint, resume, saveEvery: 2, keep: 1, validation: { every: 1000 } },
  });
  let from = 0;
  for await (const event of run) {
    if (event.type === 'start') from = event.step;
    if (event.type === 'step') progress.step = event.step;
    if (event.type === 'waiting') progress.waiting.push(event.message);
    if (event.type === 'waited') progress.waiting.push('waited');
  }
  const bits = await bitsOf(common.student);
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

/** A long run in one process: memory must be as flat at its end as near its beginning. */
import { openWasm } from '../../src/backend/wasm/index.js';
import { skewKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { memoryStore } from '../../src/io/index.js';
import { succession, tinyModel, tinyTokenizer } from '../distill/fixtures.js';

export interface SoakOptions {
  readonly steps: number;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, what: string) => void;
}

/** The heap after a collection, where the process lets one be asked for. */
const heap = () => {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
};

/** @throws where memory has grown between a tenth of the run and its end */
export async function soak({ steps, signal, onProgress }: SoakOptions): Promise<void> {
  const device = await openWasm({ threads: 1 });
  const run = distill({
    ...{ teacher: await tinyModel(device, { seed: 2, trainable: false }), student: await tinyModel(device) },
    ...{ data: { train: succession(2), validation: succession(3) }, tokenizer: tinyTokenizer(), signal },
    ...{ loss: skewKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.5, capacity: 50 }), steps, batchSize: 5 },
    ...{ maxNewTokens: 4, checkpoint: memoryStore(), validation: { every: 100, rougeL: { samples: 2 } }, keep: 1 },
  });
  let early: { heap: number; held: number; storages: number } | undefined;
  const now = () => ({ heap: heap(), held: device.memory().heldBytes, storages: device.memory().liveStorages });
  for await (const event of run) {
    if (event.type !== 'step') continue;
    if (event.step === Math.ceil(steps / 10)) early = now();
    if (event.step % 500 === 0) onProgress(event.step, `steps, heap ${Math.round(heap() / 2 ** 20)} MiB`);
    if (event.step !== steps || !early) continue;
    const late = now();
    if (late.held > early.held || late.storages > early.storages || late.heap > 1.2 * early.heap + 2 ** 23) {
      throw new Error(`memory grew from ${JSON.stringify(early)} to ${JSON.stringify(late)}`);
    }
  }
  await device.dispose();
}

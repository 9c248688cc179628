/** A page whose test makes the conditions of a run: what its worker finds, what happens to it on the way, and what came of it. */
import type { TrainingEvent } from 'distillm';
import { startWorker } from 'distillm/worker';
import { bitsOf, method, newTeacher, prepared } from './smallRun.js';

/** What a test asks for. */
export interface Asked {
  /** Of the worker, in place of the package's own. */
  readonly script?: string;
  readonly kind?: 'auto' | 'wasm' | 'webgpu';
  readonly steps?: number;
  /** Without a teacher and without answers, where it is to be short: a GPU in software takes its time for each shader. */
  readonly isFineTuning?: boolean;
  readonly checkpoint?: string;
  readonly onDeviceLoss?: 'wasm';
  /** The page learns of a step before the next one begins. */
  readonly afterStep?: { readonly step: number; readonly does: 'lose' | 'stop' };
}

/** What came of it. */
export interface Came {
  /** Of the device, before the run and after it. */
  readonly began: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
  readonly events: readonly (Pick<TrainingEvent, 'type'> & Readonly<Record<string, unknown>>)[];
  /** Bits of the student's last weights, by name. */
  readonly bits: Readonly<Record<string, readonly number[]>>;
}

const progress = { step: 0, saved: [] as number[] };

async function train(asked: Asked): Promise<Came> {
  const { script, kind = 'wasm', steps = 4, isFineTuning, checkpoint, onDeviceLoss, afterStep } = asked;
  const distillm = await startWorker(script ? { script } : {});
  const device = await distillm.openDevice({ kind, webgpu: { allowSoftware: true, limits: 'default' } });
  const { student, ...common } = await prepared(distillm, device);
  const began = { ...(await device.info) };
  const stop = new AbortController();
  const options = {
    ...{ ...common, steps, batchSize: 4, seed: 3, optimizer: { lr: 1e-2 }, validation: { every: 1e6 } },
    ...{ saveEvery: 1e6, signal: stop.signal },
    ...(checkpoint && { checkpoint }),
    ...(onDeviceLoss && { onDeviceLoss }),
  } as const;
  const run = isFineTuning
    ? distillm.fineTune({ ...options, model: student, data: { train: common.data.train } })
    : distillm.distill({
        ...{ ...options, ...method, student },
        teacher: await newTeacher(distillm, device),
      });
  const events: Came['events'][number][] = [];
  for await (const event of run) {
    events.push({ ...event });
    if (event.type === 'checkpoint' && event.kind === 'last') progress.saved.push(event.step);
    if (event.type !== 'step') continue;
    progress.step = event.step;
    if (event.step !== afterStep?.step) continue;
    if (afterStep.does === 'stop') stop.abort(new Error('enough'));
    else new BroadcastChannel('lose').postMessage('now');
  }
  const info = { ...(await device.info) };
  const bits = await bitsOf(student);
  await distillm.terminate();
  return { began, info, events, bits };
}

/** Milliseconds from a signal, in the middle of a long answer, to its refusal; and whether that is the signal's own reason. */
async function abortAnswer(): Promise<{ readonly ms: number; readonly isOwn: boolean }> {
  const distillm = await startWorker();
  const { student } = await prepared(distillm, await distillm.openDevice({ kind: 'wasm' }));
  const stop = new AbortController();
  const reason = new Error('enough');
  const options = { maxNewTokens: 60, seeds: Array.from({ length: 2000 }, (_, i) => i), signal: stop.signal };
  const prompts = options.seeds.map(() => Int32Array.of(1, 2));
  const answer = distillm.generate(student, prompts, options).catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begun = performance.now();
  stop.abort(reason);
  const found = await answer;
  const ms = performance.now() - begun;
  await distillm.terminate();
  return { ms, isOwn: found === reason };
}

/** What a worker says of what it does not get. */
async function refusals(script?: string): Promise<Readonly<Record<string, string>>> {
  const distillm = await startWorker(script ? { script } : {});
  const said = (work: Promise<unknown>) =>
    work.then(
      () => '',
      ({ code, message }: { code?: string; message: string }) => `${code}: ${message}`,
    );
  const folder = await distillm.openFolder('opfs:a');
  const found = {
    write: await said(folder.write('b', [new Uint8Array(1)])),
    list: await said(folder.list()),
    webgpu: await said(distillm.openDevice({ kind: 'webgpu' })),
    hub: await said(distillm.loadTokenizer('hf:org/name')),
  };
  await distillm.terminate();
  return found;
}

Object.assign(window, { train, abortAnswer, refusals, progress });

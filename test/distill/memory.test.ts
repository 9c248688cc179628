import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import type { WebGPUDevice } from '../../src/backend/webgpu/device.js';
import { skewReverseKL } from '../../src/distill/losses/index.js';
import { adaptiveOffPolicy } from '../../src/distill/sgo/index.js';
import { distill } from '../../src/distill/trainer/index.js';
import { describeWebGPU, withWebGPU } from '../backend/webgpu/adapter.js';
import { forEachBackend } from '../harness/backends.js';
import { succession, tinyModel, tinyTokenizer } from './fixtures.js';

const { Instance } = WebAssembly;
/** That of the tokenizer, the samplers and the replay buffer, once for each of their instances. */
const memories: WeakRef<WebAssembly.Memory>[] = [];
beforeAll(() => {
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      if (this.exports.memory) memories.push(new WeakRef(this.exports.memory as WebAssembly.Memory));
    }
  };
});
afterAll(() => {
  WebAssembly.Instance = Instance;
});

/** What is held after a step: all of it must stay the same, or stop growing. */
interface Held {
  readonly liveStorages: number;
  readonly liveBytes: number;
  readonly heldBytes: number;
  /** Of `memories`. */
  readonly textBytes: number;
  /** WebGPU: buffers made so far, idle ones included. */
  readonly buffers: number;
}

/** Batches of 2 x 8 tokens: of data, generated (through a cache that shrinks as answers end) and replayed. */
async function train(device: Device, steps: number) {
  const teacher = await tinyModel(device, { seed: 2, trainable: false });
  const student = await tinyModel(device, { embd_pdrop: 0.1 });
  const run = distill({
    ...{ teacher, student, steps, batchSize: 2, maxNewTokens: 5, tokenizer: tinyTokenizer() },
    data: { train: succession(4), validation: succession(2).slice(0, 2) },
    loss: skewReverseKL(),
    sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 20 }),
    optimizer: { lr: 1e-3 },
    validation: { every: Math.ceil(steps / 10) },
  });
  const held: Held[] = [];
  const sources: string[] = [];
  for await (const event of run) {
    if (event.type !== 'step') continue;
    const { liveStorages, liveBytes, heldBytes } = device.memory();
    const buffers = 'counts' in device ? (device as WebGPUDevice).counts().created : 0;
    const textBytes = Math.max(...memories.map((memory) => memory.deref()?.buffer.byteLength ?? 0));
    held.push({ liveStorages, liveBytes, heldBytes, textBytes, buffers });
    sources.push(event.source);
  }
  teacher.dispose();
  student.dispose();
  return { held, sources };
}

forEachBackend((backend) => {
  it('memory does not grow from step to step, student outputs and replay included', async () => {
    const device = backend();
    const [steps, warm] = [1000, 200];
    const { held, sources } = await train(device, steps);
    expect(held).toHaveLength(steps);
    expect(new Set(sources)).toEqual(new Set(['data', 'generate', 'replay']));
    const settled = held[warm]!;
    expect(settled.textBytes).toBeGreaterThan(0);
    for (const each of held.slice(warm)) expect(each).toEqual(settled);
  }, 600_000); // a software GPU needs a twentieth of a second a step, several on a slow machine
});

describeWebGPU('a training step on WebGPU', () => {
  it(
    'is four submissions, however long its data, and finds its bind groups again',
    () =>
      withWebGPU({}, async (device) => {
        const teacher = await tinyModel(device, { seed: 2, trainable: false });
        const student = await tinyModel(device, { embd_pdrop: 0.1 });
        // Padded to 8 or 16 tokens, of which other numbers count.
        const train = [2, 9, 3, 10, 5, 11].flatMap((length) => succession(length).slice(0, 2));
        const counts = [device.counts()];
        for await (const { type } of distill({
          teacher,
          student,
          data: { train },
          loss: skewReverseKL(),
          steps: 24,
          batchSize: 2,
        })) {
          if (type === 'step') counts.push(device.counts());
        }
        const grown = (name: 'submissions' | 'dispatches' | 'bindGroups') =>
          counts.slice(1).map((each, i) => each[name] - counts[i]![name]);
        // The first dispatches after the read of the step before; the teacher's forward pass; the student's and the
        // backward pass; the optimizer and the read-back.
        expect(new Set(grown('submissions').slice(1))).toEqual(new Set([4]));
        const settled = 12;
        const sum = (values: readonly number[]) => values.slice(settled).reduce((total, value) => total + value, 0);
        expect(sum(grown('dispatches'))).toBeGreaterThan(12 * 100);
        expect(sum(grown('bindGroups'))).toBeLessThan(0.01 * sum(grown('dispatches')));
        teacher.dispose();
        student.dispose();
      }),
    120_000,
  );
});

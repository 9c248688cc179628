import { afterEach, describe, expect, it, vi } from 'vitest';
import { compileKernels, kernelGlobals } from '../../../src/backend/wasm/compile.js';
import { DeviceError, DisposedError } from '../../../src/errors.js';
import { createLinearMemory } from '../../../src/hardware/wasm/memory.js';
import { openPool, type ThreadPool, WorkerStartError } from '../../../src/hardware/wasm/pool.js';
import type { WorkerHandle } from '../../../src/platform/workers.js';

const spawned = vi.hoisted(() => ({
  workers: [] as WorkerHandle[],
  broken: false,
  /** Workers that have ended. */
  ended: new Set<WorkerHandle>(),
  /** Workers run, and never answer. */
  mute: undefined as string | undefined,
  /** What the kernel `add` does in workers instead. */
  add: undefined as string | undefined,
  /** The system cannot tell which threads are there. */
  silent: false,
}));
vi.mock('#platform', async (original) => {
  const platform = await original<typeof import('#platform')>();
  return {
    ...platform,
    spawnWorker(source: string, listeners: Parameters<typeof platform.spawnWorker>[1]) {
      const script = spawned.mute ?? (spawned.broken ? 'throw new Error("no luck");' : source);
      const changed = `
        const { Instance } = WebAssembly;
        WebAssembly.Instance = function (...from) {
          return { exports: { ...new Instance(...from).exports, add: () => { ${spawned.add} } } };
        };`;
      const died = (why: string) => {
        spawned.ended.add(worker);
        listeners.died(why);
      };
      const worker = platform.spawnWorker(spawned.add ? changed + script : script, { ...listeners, died });
      if (spawned.silent) worker.alive = () => true;
      spawned.workers.push(worker);
      return worker;
    },
  };
});

const SIZE = 100_003;

async function open(threads: number) {
  const memory = createLinearMemory({ shared: threads > 1 });
  const module = await compileKernels({ arithmetic: 'plain', shared: threads > 1 });
  const pool = await openPool(module, memory, threads, kernelGlobals());
  opened.push(pool);
  const [a, b, y] = [0, 1, 2].map((i) => {
    const pointer = memory.allocate(4 * SIZE, 'operand');
    new Float32Array(memory.memory.buffer, pointer, SIZE).fill(i + 1);
    return pointer;
  }) as [number, number, number];
  const add = () => {
    pool.parallel('add', [a, b, y, SIZE], SIZE, 16);
    return new Float32Array(memory.memory.buffer, y, SIZE);
  };
  return { memory, pool, add };
}
const opened: ThreadPool[] = [];
afterEach(async () => {
  for (const pool of opened.splice(0)) await pool.dispose();
  spawned.workers.length = 0;
  spawned.broken = false;
  spawned.mute = undefined;
  spawned.ended.clear();
  spawned.add = undefined;
  spawned.silent = false;
});

describe.each([1, 2, 4])('a pool of %i', (threads) => {
  it('does every element of thousands of chunks', async () => {
    const { add } = await open(threads);
    for (let turn = 0; turn < 20; turn++) expect(add().every((value) => value === 3)).toBe(true);
    expect(spawned.workers.length).toBe(threads - 1);
  });

  it('gives a typed error when a kernel fails', async () => {
    const { pool } = await open(threads);
    // The last bytes of the address space lie behind the memory.
    expect(() => pool.parallel('add', [0xfffff000, 1024, 1024, SIZE], SIZE, 16)).toThrow(DeviceError);
    expect(() => pool.parallel('add', [0xfffff000, 1024, 1024, SIZE], 4, 16)).toThrow(/add/);
  });
});

it('a worker that dies while it sleeps gives a typed error, not a hang', async () => {
  const { add } = await open(3);
  expect(add()[SIZE - 1]).toBe(3);
  await spawned.workers[0]!.terminate();
  await vi.waitFor(() => expect(add).toThrow(/worker thread ended/));
  expect(add).toThrow(DeviceError);
});

it.runIf(process.platform === 'linux')('a worker that dies in the middle of a chunk is noticed at once', async () => {
  spawned.add = 'process.exit(3)';
  const { add } = await open(3);
  // One that wakes up after the caller has done everything itself takes no chunk.
  const failing = () => {
    for (let turn = 0; turn < 1000; turn++) add();
  };
  const since = performance.now();
  expect(failing).toThrow(/add: worker thread [12] ended in the middle of its work\. Open the device again/);
  expect(performance.now() - since).toBeLessThan(3000);
  expect(add).toThrow(DeviceError);
});

it('a worker that does not come back is given up where the system cannot tell that it died', async () => {
  [spawned.add, spawned.silent] = ['process.exit(3)', true];
  const { add } = await open(2);
  const failing = () => {
    for (let turn = 0; turn < 1000; turn++) add();
  };
  expect(failing).toThrow(/add: a worker thread has not answered for 5 seconds/);
});

it('work goes on without a worker that was killed and not yet missed', async () => {
  const { add } = await open(2);
  // A sleeping worker holds no chunk: the caller does them all.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const killed = spawned.workers[0]!.terminate();
  expect(add().every((value) => value === 3)).toBe(true);
  await killed;
});

it('a worker that cannot start is an error of opening', async () => {
  spawned.broken = true;
  await expect(open(2)).rejects.toThrow(/Worker thread 1 did not start: Error: no luck/);
});

it.each([
  ['waits for something', ';'],
  ['never comes to an end', 'for (;;);'],
])('a worker that %s and does not report is an error of opening, and is ended', async (_, script) => {
  spawned.mute = script;
  const memory = createLinearMemory({ shared: true });
  const module = await compileKernels({ arithmetic: 'plain', shared: true });
  const opening = openPool(module, memory, 3, kernelGlobals(), 300);
  await expect(opening).rejects.toThrow(
    /Worker thread [12] was started and has not reported for 0\.3 seconds\..*threads: 1/,
  );
  await expect(opening).rejects.toThrow(DeviceError);
  await expect(opening).rejects.not.toThrow(WorkerStartError);
  expect(spawned.workers.length).toBe(2);
  await vi.waitFor(() => expect(spawned.workers.every((each) => spawned.ended.has(each))).toBe(true), 10_000);
});

it('cannot be used after it was disposed of, which twice is harmless', async () => {
  const { pool, add } = await open(2);
  await pool.dispose();
  await pool.dispose();
  expect(add).toThrow(DisposedError);
});

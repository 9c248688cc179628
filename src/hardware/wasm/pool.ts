/**
 * The thread pool: the calling thread and its workers share a kernel call by taking chunks of its range. protocol.ts
 * says how.
 */
import { spawnWorker } from '#platform';
import workerSource from '../../../build/poolWorker.js?text';
import { DeviceError, DisposedError } from '../../errors.js';
import type { WorkerHandle } from '../../platform/workers.js';
import type { LinearMemory } from './memory.js';
import {
  ACTIVE,
  ARGUMENTS,
  CLOSED,
  CONTROL_BYTES,
  ENDED,
  EPOCH,
  FAILURE,
  FUNCTION,
  type Globals,
  GRAIN,
  type KernelExports,
  type KernelFunction,
  NEXT,
  OPEN,
  SCRATCH,
  SCRATCH_STRIDE,
  STATE,
  spin,
  TOTAL,
  takeChunks,
  viewControl,
  type WorkerInit,
} from './protocol.js';
import { createScratch } from './scratch.js';
import type { Work } from './workQueue.js';

/** Spinning is cheaper than sleeping while the workers finish their last chunks. */
const SPIN_TURNS = 20_000;
/** Milliseconds to sleep before checking that the workers are alive. */
const LOOK_MS = 100;
/**
 * For systems that cannot tell whether a thread is alive. Workers are at most a chunk behind, so a worker is taken for
 * dead when it needs this many times as long as this thread needed for all of its chunks. Never before `STALL_MS`: the
 * system may only have paused it.
 */
const STALL_FACTOR = 30;
const STALL_MS = 5000;

/** A worker reports within milliseconds; on a machine that is overloaded, within seconds. */
const START_MS = 30_000;

/** The system, or the policy of a page, gives no worker thread. */
export class WorkerStartError extends DeviceError {}

/** The calling thread and its workers, over one memory. */
export interface ThreadPool {
  readonly threads: number;
  readonly exports: KernelExports;
  /**
   * Calls kernel `name` with `args` and ranges that cover [0, total), `grain` elements each, on all threads; on the
   * calling thread alone when there is one range only. `scratchBytes` of working memory are given to each thread.
   * @throws DeviceError when a worker failed or died
   */
  parallel(name: string, args: readonly number[], total: number, grain: number, scratchBytes?: number): void;
  /** Calls kernel `name`, which takes no range, on this thread. */
  call(name: string, args: readonly number[]): void;
  /** Ends the workers. The memory is collected once nothing refers to it. */
  dispose(): Promise<void>;
}

/** A pool whose calls are done when they return, or are done bit by bit. */
export interface OpenPool extends ThreadPool {
  /**
   * Prepares a call as `parallel` takes it, its working memory included.
   * @returns what does it
   * @throws as `parallel`, as does what is returned
   */
  prepare(...given: Parameters<ThreadPool['parallel']>): Work;
}

/** A call of a kernel, with the working memory that it was given. */
interface Call {
  readonly name: string;
  readonly args: readonly number[];
  readonly total: number;
  readonly grain: number;
  /** Working memory of the first thread, and bytes of each. */
  readonly pointer: number;
  readonly stride: number;
}

/** Whether this thread may sleep in Atomics.wait: a browser's main thread may not. */
function mayBlock(words: Int32Array): boolean {
  try {
    Atomics.wait(words, EPOCH, -1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts one worker and waits for its report, `startMs` at most. */
function start(init: WorkerInit, startMs: number, onDeath: (why: string) => void): Promise<WorkerHandle> {
  return new Promise((resolve, reject) => {
    let ready = false;
    let worker: WorkerHandle | undefined;
    const fail = (error: DeviceError) => {
      clearTimeout(timer);
      void worker?.terminate();
      reject(error);
    };
    const died = (why: string) => {
      if (ready) onDeath(why);
      else fail(new WorkerStartError(`Worker thread ${init.thread} did not start: ${why}.`));
    };
    const timer = setTimeout(() => {
      const seconds = Math.round(startMs / 100) / 10;
      fail(
        new DeviceError(
          `Worker thread ${init.thread} was started and has not reported for ${seconds} seconds. Where the machine is ` +
            'overloaded, try again later; else open the device with fewer threads: with threads: 1 it needs no worker.',
          { found: startMs },
        ),
      );
    }, startMs);
    try {
      worker = spawnWorker(workerSource, {
        message(data) {
          const report = data as { ready?: true; error?: string };
          if (report.error !== undefined) return died(report.error);
          clearTimeout(timer);
          ready = true;
          // From here on the process may end while the worker sleeps.
          worker?.unref();
          resolve(worker as WorkerHandle);
        },
        died,
      });
      worker.post(init);
    } catch (error) {
      died(String(error));
    }
  });
}

/**
 * A pool of `threads`, the caller included. It is ready when it resolves: every worker has reported. `globals` are
 * what the module imports beside the memory.
 * @param startMs how long a worker may take to report
 * @throws WorkerStartError when a worker does not start; DeviceError when one starts and does not report
 */
export async function openPool(
  module: WebAssembly.Module,
  memory: LinearMemory,
  threads: number,
  globals: Globals,
  startMs = START_MS,
): Promise<OpenPool> {
  const instance = await WebAssembly.instantiate(module, { env: { memory: memory.memory, ...globals } });
  const exports = instance.exports as unknown as KernelExports;
  const scratch = createScratch(memory, threads);
  let assigned = 0;
  /** Working memory of this thread: that of a call that waited may be another one than the newest. */
  const assign = (pointer: number) => {
    if (pointer !== assigned) (exports.setScratch as KernelFunction)(pointer);
    assigned = pointer;
  };
  const kernel = (name: string) => exports[name] as KernelFunction;
  const trapped = (name: string, cause: unknown) => new DeviceError(`${name}: the kernel failed: ${cause}.`, { cause });

  const call = (name: string, args: readonly number[]) => {
    try {
      kernel(name)(...args);
    } catch (cause) {
      throw trapped(name, cause);
    }
  };

  /** A call on this thread alone, chunk by chunk where it may not be done at once. */
  const alone = ({ name, args, total, grain, pointer }: Call): Work => {
    let begin = 0;
    return (until) => {
      assign(pointer);
      if (until === Number.POSITIVE_INFINITY || total - begin <= grain) {
        call(name, [...args, begin, total]);
        return true;
      }
      do {
        const end = Math.min(begin + grain, total);
        call(name, [...args, begin, end]);
        begin = end;
      } while (begin < total && performance.now() < until);
      return begin === total;
    };
  };
  /** Takes the working memory of a call, of which others before it may still have an older one. */
  const callOf = (name: string, args: readonly number[], total: number, grain: number, bytes = 0): Call => {
    scratch.reserve(bytes);
    return { name, args, total, grain, pointer: scratch.pointer, stride: scratch.stride };
  };

  if (threads === 1) {
    const prepare: OpenPool['prepare'] = (...given) => alone(callOf(...given));
    return {
      ...{ threads, exports, prepare, call },
      parallel: (...given) => void prepare(...given)(Number.POSITIVE_INFINITY),
      async dispose() {},
    };
  }

  const buffer = new SharedArrayBuffer(CONTROL_BYTES);
  const control = viewControl(buffer);
  const { words } = control;
  const names = Object.keys(exports).filter((name) => typeof exports[name] === 'function');
  const numbers = new Map(names.map((name, index) => [name, index]));
  let failure: string | undefined;
  let ended = false;
  const onDeath = (why: string) => {
    if (!ended) failure ??= `a worker thread ended: ${why}`;
  };
  const starts = Array.from({ length: threads - 1 }, (_, index) =>
    start({ module, memory: memory.memory, globals, control: buffer, names, thread: index + 1 }, startMs, onDeath),
  );
  const settled = await Promise.allSettled(starts);
  const workers = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const dispose = async () => {
    ended = true;
    Atomics.store(words, STATE, ENDED);
    Atomics.add(words, EPOCH, 1);
    Atomics.notify(words, EPOCH);
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) {
    await dispose();
    throw failed.reason;
  }
  const blocking = mayBlock(words);

  /** @param first the chunk to begin with */
  const publish = ({ name, args, total, grain, pointer, stride }: Call, first: number) => {
    words[FUNCTION] = numbers.get(name) as number;
    words[TOTAL] = total;
    words[GRAIN] = grain;
    words[ARGUMENTS] = args.length;
    words[SCRATCH] = pointer;
    words[SCRATCH_STRIDE] = stride;
    control.args.set(args);
    Atomics.store(words, NEXT, first);
    Atomics.store(words, STATE, OPEN);
    Atomics.add(words, EPOCH, 1);
    Atomics.notify(words, EPOCH, Math.ceil(total / grain) - first - 1);
  };
  /** `ownMs`: what this thread needed for its own chunks. */
  const waitForWorkers = (name: string, ownMs: number) => {
    let waitedMs = 0;
    for (let active = Atomics.load(words, ACTIVE); active !== 0; active = Atomics.load(words, ACTIVE)) {
      const since = performance.now();
      if (spin(words, ACTIVE, active, SPIN_TURNS)) continue;
      if (blocking && Atomics.wait(words, ACTIVE, active, LOOK_MS) !== 'timed-out') continue;
      const dead = workers.findIndex((worker) => !worker.alive());
      if (dead >= 0) {
        failure = `${name}: worker thread ${dead + 1} ended in the middle of its work`;
        return;
      }
      // Time in which the whole process was stopped does not count.
      waitedMs += Math.min(performance.now() - since, 2 * LOOK_MS);
      if (waitedMs > Math.max(STALL_MS, STALL_FACTOR * ownMs)) {
        failure = `${name}: a worker thread has not answered for ${Math.round(waitedMs / 1000)} seconds`;
        return;
      }
    }
  };
  const check = () => {
    const length = Atomics.load(words, FAILURE);
    if (length > 0) failure ??= new TextDecoder().decode(control.message.slice(0, length));
    if (failure !== undefined) {
      throw new DeviceError(`The WASM thread pool failed: ${failure}. Open the device again, with fewer threads.`);
    }
  };

  /** A call on all threads: until its time is over they take chunks. */
  const shared = (job: Call): Work => {
    const { name, args, total, grain, pointer } = job;
    const chunks = Math.ceil(total / grain);
    let next = 0;
    return (until) => {
      check();
      assign(pointer);
      publish(job, next);
      const before = performance.now();
      try {
        takeChunks(words, kernel(name), args, until);
      } catch (cause) {
        failure ??= `${name}: ${cause}`;
      }
      // Chunks that nobody has taken by now are left for the next time.
      next = Math.min(chunks, Atomics.exchange(words, NEXT, chunks));
      Atomics.store(words, STATE, CLOSED);
      waitForWorkers(name, performance.now() - before);
      check();
      return next === chunks;
    };
  };
  const prepare: OpenPool['prepare'] = (name, ...given) => {
    if (ended) throw new DisposedError(`${name}: the WASM thread pool was used after it was disposed.`);
    check();
    const job = callOf(name, ...given);
    return job.total <= job.grain ? alone(job) : shared(job);
  };

  return {
    ...{ threads, exports, prepare, call, dispose },
    parallel: (...given) => void prepare(...given)(Number.POSITIVE_INFINITY),
  };
}

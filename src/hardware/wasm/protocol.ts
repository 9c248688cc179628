/**
 * How the calling thread and its workers share one job, in 32-bit words that all of them see. Words that threads
 * write at the same time are on separate cache lines.
 *
 * The caller publishes a job (header, then STATE = open, then EPOCH + 1), takes chunks of its range like any worker,
 * closes it and waits until ACTIVE is 0. A worker counts itself into ACTIVE before it looks at STATE, so the caller
 * never rewrites a header that somebody may still read, and never waits for a worker that did not wake up in time.
 */
export const EPOCH = 0;
export const STATE = 16;
export const NEXT = 32;
export const ACTIVE = 48;
const HEADER = 64;
export const FUNCTION = HEADER;
export const TOTAL = HEADER + 1;
export const GRAIN = HEADER + 2;
export const ARGUMENTS = HEADER + 3;
/** Byte pointer and bytes a thread of the working memory. */
export const SCRATCH = HEADER + 4;
export const SCRATCH_STRIDE = HEADER + 5;
/** Bytes of the UTF-8 message of the first failure; 0 while all is well. */
export const FAILURE = HEADER + 6;
export const CONTROL_BYTES = 2048;
const MAX_ARGUMENTS = 32;
export const MESSAGE_BYTES = 1024;

export const CLOSED = 0;
export const OPEN = 1;
export const ENDED = 2;

export type KernelFunction = (...args: number[]) => number;
export type KernelExports = Readonly<Record<string, KernelFunction>>;

/** The views that every thread has of the control block. */
export interface Control {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Arguments of the kernel, before `begin` and `end`; doubles hold every pointer, count and float exactly. */
  readonly args: Float64Array<SharedArrayBuffer>;
  readonly message: Uint8Array<SharedArrayBuffer>;
}

export function viewControl(buffer: SharedArrayBuffer): Control {
  return {
    words: new Int32Array(buffer),
    args: new Float64Array(buffer, 512, MAX_ARGUMENTS),
    message: new Uint8Array(buffer, 1024, MESSAGE_BYTES),
  };
}

/** Numbers that the module imports beside the memory, by name. */
export type Globals = Readonly<Record<string, number>>;

/** What a worker is started with. */
export interface WorkerInit {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly globals: Globals;
  readonly control: SharedArrayBuffer;
  /** Kernels by number. */
  readonly names: readonly string[];
  /** 1 and up; the caller is 0. */
  readonly thread: number;
}

/** Takes chunks of the open job until none is left, or until a time of `performance.now()`; at least one, where there is one. */
export function takeChunks(
  words: Int32Array,
  kernel: KernelFunction,
  args: readonly number[],
  until = Number.POSITIVE_INFINITY,
): void {
  const total = words[TOTAL] as number;
  const grain = words[GRAIN] as number;
  const chunks = Math.ceil(total / grain);
  for (let chunk = Atomics.add(words, NEXT, 1); chunk < chunks; chunk = Atomics.add(words, NEXT, 1)) {
    const begin = chunk * grain;
    kernel(...args, begin, Math.min(begin + grain, total));
    if (performance.now() >= until) return;
  }
}

/** Gives the thread's instance its part of the job's working memory. */
export function assignScratch(words: Int32Array, exports: KernelExports, thread: number): void {
  const pointer = ((words[SCRATCH] as number) >>> 0) + thread * (words[SCRATCH_STRIDE] as number);
  (exports.setScratch as KernelFunction)(pointer);
}

/** The CPU's hint for spinning, where the engine has it. */
const pause = (Atomics as { pause?: () => void }).pause?.bind(Atomics) ?? (() => {});

/** Looks up to `turns` times whether a word has left `value`. */
export function spin(words: Int32Array, index: number, value: number, turns: number): boolean {
  for (let turn = 0; turn < turns; turn++) {
    if (Atomics.load(words, index) !== value) return true;
    pause();
  }
  return false;
}

/**
 * Objects in WebAssembly. Each is an instance of the module of assembly/text/, which holds its state. All instances of a
 * thread have one memory, because the number of memories in a process is limited (src/addressSpace.ts). One more
 * instance, the heap, allocates for them; it holds no object. This is the one place that makes instances.
 */
import bytes from '../../build/text.wasm';
import { noAddresses } from '../addressSpace.js';
import { compileHere } from '../compileHere.js';
import { DisposedError, formatBytes, LimitError } from '../errors.js';
import { LARGEST_BLOCK, type TextExports, writeUnicodeForm } from './wasm.js';

/** A block with what assembly/text/memory.ts puts around it. */
const LARGEST_REQUEST = LARGEST_BLOCK + 64;
/** In pages of 64 KiB: the module's constants fit. */
const INITIAL_PAGES = 64;

interface Heap {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly exports: TextExports;
}

let opened: Heap | undefined;

/** @throws LimitError when the system gives no addresses for the memory; DeviceError where a policy forbids WebAssembly */
function openHeap(): Heap {
  if (opened) return opened;
  const module = compileHere(() => new WebAssembly.Module(bytes));
  const memory = createMemory();
  const never = () => {
    throw new WebAssembly.RuntimeError('the heap holds no object');
  };
  opened = { module, memory, exports: instantiate(module, memory, { allocate: never, free: never }) };
  return opened;
}

function createMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: INITIAL_PAGES });
  } catch (cause) {
    throw noAddresses('tokenizers, samplers and replay buffers', cause);
  }
}

function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  heap: { allocate(size: number): number; free(at: number): void },
): TextExports {
  const abort = () => {
    throw new WebAssembly.RuntimeError('abort');
  };
  const unicodeForm = (form: number, at: number, length: number) => writeUnicodeForm(exports, form, at, length);
  const env = { memory, abort, unicodeForm };
  const exports = new WebAssembly.Instance(module, { env, heap }).exports as unknown as TextExports;
  return exports;
}

/** The memory that all objects of this thread share, with blocks for work that is no object's (src/hostNumbers.ts). */
export interface SharedMemory {
  /** Its buffer is another one after anything that allocates. */
  readonly memory: WebAssembly.Memory;
  /** An address in bytes. @throws LimitError when there is no room */
  allocate(what: string, size: number): number;
  free(at: number): void;
}

/** @throws LimitError when the system gives no addresses for the memory */
export function sharedMemory(): SharedMemory {
  const { memory, exports: heap } = openHeap();
  return {
    memory,
    allocate(what, size) {
      try {
        if (size < LARGEST_REQUEST) return heap.heapAllocate(size) >>> 0;
      } catch (cause) {
        throw noRoom(what, size, cause);
      }
      throw noRoom(what, size, undefined);
    },
    free: heap.heapFree,
  };
}

/**
 * What an object shares with the finalizer and with its own imports. None of them may know the TextInstance: it would
 * never be collected.
 */
interface Life {
  /** undefined once its blocks were freed. */
  exports: TextExports | undefined;
  /** Why they were. */
  end: string;
}

function endLife(life: Life, why: string): void {
  const { exports } = life;
  life.exports = undefined;
  life.end = why;
  exports?.freeAll();
}

const abandoned = new FinalizationRegistry<Life>((life) => endLife(life, 'was collected'));

/**
 * An object's instance until `dispose`; `use` throws afterwards. An object that is never disposed of is freed when the
 * garbage collector finds it. One that gets no more memory is freed at once, in whatever state it is: its next write
 * could go to a block that belongs to another by then.
 */
export class TextInstance {
  readonly #what: string;
  readonly #life: Life;

  /** @throws LimitError when the system gives no addresses for the memory */
  constructor(what: string) {
    this.#what = what;
    this.#life = startLife(what);
    abandoned.register(this, this.#life, this);
  }

  /** Whether the object was freed. */
  get disposed(): boolean {
    return this.#life.exports === undefined;
  }

  /** @throws DisposedError */
  use(): TextExports {
    const { exports, end } = this.#life;
    if (!exports) throw new DisposedError(`${this.#what} ${end}. Make a new one.`);
    return exports;
  }

  dispose(): void {
    abandoned.unregister(this);
    if (!this.disposed) endLife(this.#life, 'was disposed');
  }
}

function startLife(what: string): Life {
  const { module, memory, exports: heap } = openHeap();
  const life: Life = { exports: undefined, end: '' };
  const allocate = (word: number): number => {
    const size = word >>> 0;
    let refusal: unknown;
    try {
      if (size < LARGEST_REQUEST) return heap.heapAllocate(size);
    } catch (trap) {
      if (!(trap instanceof WebAssembly.RuntimeError)) throw trap;
      refusal = trap;
    }
    endLife(life, 'ran out of memory and was freed');
    throw noRoom(what, size, refusal);
  };
  life.exports = instantiate(module, memory, { allocate, free: heap.heapFree });
  return life;
}

/** @param size bytes that were asked for; above `LARGEST_REQUEST` a word that says no more than that */
function noRoom(what: string, size: number, cause: unknown): LimitError {
  const isKnown = size < LARGEST_REQUEST;
  return new LimitError(
    `${what}: no room for ${isKnown ? formatBytes(size) : `more than ${formatBytes(LARGEST_BLOCK)}`} in WebAssembly memory. ` +
      `A block has at most ${formatBytes(LARGEST_BLOCK)}, and all tokenizers, samplers and replay buffers of a thread ` +
      `together ${formatBytes(2 ** 32)}. Give it less at a time, or dispose of those that are not needed.`,
    { ...(isKnown && { found: size }), expected: LARGEST_BLOCK, cause },
  );
}

/**
 * The replay buffer of the adaptive off-policy loop: student outputs, first in, first out. Samples are copied into
 * WebAssembly memory, where an id takes two bytes, so that a full buffer of long samples costs little.
 */
import { CheckpointError, OptionError } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { checkOption, ranges } from '../settings/index.js';
import { TextInstance } from './instance.js';
import { allocate, copyWords, wordsAt } from './wasm.js';

/** A prompt and its response as one sequence. */
export interface ReplaySample {
  /** How many of `ids` are the prompt. */
  readonly promptLength: number;
  readonly ids: Int32Array<ArrayBuffer>;
  /** A number of the caller's, absent where the sample was given none. */
  readonly label?: number;
}

/** A first-in, first-out store of samples, drawn from uniformly. */
export interface ReplayBuffer {
  /** Samples it can hold. */
  readonly capacity: number;
  /** Samples it holds. */
  readonly size: number;
  readonly full: boolean;
  /** Adds a copy of a sample; a full buffer drops its oldest. Ids are 0 or more. @throws OptionError */
  push(sample: { readonly promptLength: number; readonly ids: ArrayLike<number>; readonly label?: number }): void;
  /** `count` different samples, uniformly; they stay in the buffer. @throws OptionError when it holds fewer. */
  draw(count: number): ReplaySample[];
  /** Samples, generator and all: `restoreReplayBuffer` goes on exactly from there. */
  serialize(): Uint8Array<ArrayBuffer>;
  dispose(): void;
  [Symbol.dispose](): void;
}

const MAX_CAPACITY = 2 ** 24;
/** 'DRB1', little-endian. */
const MAGIC = 0x31425244;
/**
 * u32: magic, capacity, size, 8 words of the generator. Then each sample: u32 length, promptLength, its label where it has one,
 * u16 or u32 ids. The length has WIDE added for ids of four bytes, and LABELLED for a label.
 */
const HEADER = 4 * 11;
const WIDE = 2 ** 31;
const LABELLED = 2 ** 30;

/** An empty buffer. `seed`: an integer from 0 to 2^53 - 1. @throws OptionError */
export function createReplayBuffer({ capacity, seed }: { readonly capacity: number; readonly seed: number }) {
  checkOption('createReplayBuffer', 'capacity', capacity, ranges.integer(1, MAX_CAPACITY));
  checkOption('createReplayBuffer', 'seed', seed, ranges.seed);
  const buffer = new WasmReplayBuffer(capacity);
  buffer.seed(seed);
  return buffer as ReplayBuffer;
}

/**
 * The buffer that `serialize` wrote.
 * @param vocabSize above all ids
 * @param labels above all labels
 * @throws CheckpointError when the bytes are not such a buffer
 */
export function restoreReplayBuffer(bytes: Uint8Array, vocabSize = WIDE, labels = WIDE): ReplayBuffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number) => {
    if (at + length > bytes.length) {
      throw new CheckpointError(`replay buffer: ends at byte ${bytes.length}, expected ${at + length} or more.`, {
        found: bytes.length,
        expected: at + length,
      });
    }
    at += length;
    return at - length;
  };
  const word = () => view.getUint32(take(4), true);
  if (bytes.length < HEADER || word() !== MAGIC) {
    throw new CheckpointError('replay buffer: does not start as a replay buffer does. Is this another file?');
  }
  const capacity = word();
  const size = word();
  if (capacity < 1 || capacity > MAX_CAPACITY || size > capacity) {
    throw new CheckpointError(
      `replay buffer: ${size} samples of ${capacity}, expected a capacity from 1 to ${MAX_CAPACITY} and no more samples.`,
      { found: size, expected: capacity },
    );
  }
  const state = Uint32Array.from({ length: 8 }, word);
  const buffer = new WasmReplayBuffer(capacity);
  try {
    buffer.setRng(state);
    for (let sample = 0; sample < size; sample++) {
      const packed = word();
      const promptLength = word();
      const wide = packed >= WIDE;
      const isLabelled = packed % WIDE >= LABELLED;
      const length = packed % LABELLED;
      const label = isLabelled ? word() : undefined;
      if (label !== undefined && label >= labels) {
        throw new CheckpointError(
          `replay buffer: sample ${sample} has the label ${label}, expected one below ${labels}.`,
          {
            found: label,
            expected: labels,
          },
        );
      }
      const start = take(length * (wide ? 4 : 2));
      if (promptLength > length) {
        throw new CheckpointError(`replay buffer: sample ${sample} has a prompt of ${promptLength} of ${length} ids.`);
      }
      const ids = new Int32Array(length);
      for (let i = 0; i < length; i++) {
        ids[i] = wide ? view.getInt32(start + i * 4, true) : view.getUint16(start + i * 2, true);
      }
      const outside = ids.find((id) => id < 0 || id >= vocabSize);
      if (outside !== undefined) {
        throw new CheckpointError(
          `replay buffer: sample ${sample} has the id ${outside}, expected ids from 0 to ${vocabSize - 1}.`,
          { found: outside, expected: vocabSize },
        );
      }
      buffer.push({ promptLength, ids, ...(label !== undefined && { label }) });
    }
    if (at !== bytes.length) {
      throw new CheckpointError(`replay buffer: has ${bytes.length} bytes, expected ${at}.`, {
        found: bytes.length,
        expected: at,
      });
    }
    return buffer;
  } catch (error) {
    buffer.dispose();
    throw error;
  }
}

class WasmReplayBuffer implements ReplayBuffer {
  readonly capacity: number;
  readonly #instance = new TextInstance('The replay buffer');
  /** Of the samples, oldest first. */
  readonly #labels: (number | undefined)[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#instance.use().openReplay(capacity);
  }

  get size(): number {
    return this.#instance.use().replaySize();
  }

  get full(): boolean {
    return this.size === this.capacity;
  }

  seed(seed: number): void {
    const wasm = this.#instance.use();
    wasm.seedGenerator(wasm.replayRngAt(), seed);
  }

  setRng(state: Uint32Array): void {
    this.#rng().set(state);
  }

  push({ promptLength, ids, label }: Parameters<ReplayBuffer['push']>[0]): void {
    const wasm = this.#instance.use();
    const ok = Number.isInteger(promptLength) && promptLength >= 0 && promptLength <= ids.length;
    requireOption('push', 'promptLength', promptLength, ok, `an integer from 0 to ${ids.length}`);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      if (!(Number.isInteger(id) && id >= 0 && id < 2 ** 31)) {
        throw new OptionError(`push: ids[${i}] is ${id}, expected a token id.`, { found: id });
      }
    }
    const at = copyWords(wasm, ids);
    if (this.full) this.#labels.shift();
    wasm.pushSample(at, ids.length, promptLength);
    this.#labels.push(label);
    wasm.release(at);
  }

  draw(count: number): ReplaySample[] {
    const wasm = this.#instance.use();
    if (!Number.isInteger(count) || count < 0 || count > this.size) {
      throw new OptionError(`draw: ${count} samples were asked for, the buffer holds ${this.size}.`, {
        found: count,
        expected: this.size,
      });
    }
    const at = allocate(wasm, count * 4);
    wasm.drawIndices(count, at);
    const indices = wordsAt(wasm, at, count).slice();
    wasm.release(at);
    return Array.from(indices, (index) => this.#read(index));
  }

  serialize(): Uint8Array<ArrayBuffer> {
    const samples = Array.from({ length: this.size }, (_, index) => this.#read(index));
    const widths = samples.map(({ ids }) => (ids.some((id) => id > 0xffff) ? 4 : 2));
    const length = samples.reduce(
      (sum, { ids, label }, i) => sum + (label === undefined ? 8 : 12) + ids.length * (widths[i] as number),
      HEADER,
    );
    const view = new DataView(new ArrayBuffer(length));
    let at = 0;
    const word = (value: number) => {
      view.setUint32(at, value, true);
      at += 4;
    };
    for (const value of [MAGIC, this.capacity, samples.length, ...this.#rng()]) word(value);
    samples.forEach(({ promptLength, ids, label }, i) => {
      const wide = widths[i] === 4;
      word(ids.length + (wide ? WIDE : 0) + (label === undefined ? 0 : LABELLED));
      word(promptLength);
      if (label !== undefined) word(label);
      for (const id of ids) {
        if (wide) view.setUint32(at, id, true);
        else view.setUint16(at, id, true);
        at += wide ? 4 : 2;
      }
    });
    return new Uint8Array(view.buffer);
  }

  dispose(): void {
    this.#instance.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #rng(): Uint32Array {
    const wasm = this.#instance.use();
    return new Uint32Array(wasm.memory.buffer, wasm.replayRngAt() >>> 0, 8);
  }

  #read(index: number): ReplaySample {
    const wasm = this.#instance.use();
    const length = wasm.sampleLength(index);
    const at = allocate(wasm, length * 4);
    wasm.readSample(index, at);
    const ids = wordsAt(wasm, at, length).slice();
    wasm.release(at);
    const label = this.#labels[index];
    return { promptLength: wasm.samplePromptLength(index), ids, ...(label !== undefined && { label }) };
  }
}

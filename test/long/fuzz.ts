/**
 * Reads spoilt files, many of them, and looks for what must not happen: an error that is none of ours, a result that
 * cannot be right, a call that takes too long, memory far beyond the file, and a prototype that was touched.
 */
import { DistillmError } from '../../src/errors.js';
import type { Files, Format } from './formats.js';
import { randomOf } from './random.js';

export interface FuzzOptions {
  readonly seed: number;
  /** The first mutation, from 0. */
  readonly from?: number;
  readonly count: number;
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (done: number, counts: Counts) => void;
}

/** How mutations ended. */
export interface Counts {
  /** Refused by an error of ours. */
  refused: number;
  /** Read. */
  read: number;
}

/** A mutation that shows a fault. */
export class Finding extends Error {
  constructor(
    readonly format: string,
    readonly index: number,
    readonly files: Files,
    /** Of the mutations before it. */
    readonly counts: Counts,
    what: string,
    cause?: unknown,
  ) {
    super(`${format}, mutation ${index}: ${what}`, { cause });
  }
}

/** Processor time of one reading, in ms: milliseconds are usual. */
const mostMs = 5000;
/** Bytes of one array beside twice the files and what reading the whole ones takes. */
const slackBytes = 2 ** 20;

/**
 * @returns how many were refused and read
 * @throws Finding
 */
export async function fuzz(
  format: Format,
  { seed, from = 0, count, signal, onProgress }: FuzzOptions,
): Promise<Counts> {
  const counts: Counts = { refused: 0, read: 0 };
  const { largest: fixed } = await largestOf(async () => {
    // Some samples are of what must be refused.
    for (const files of format.whole) await ended(format.read(files, randomOf(seed)));
  });
  const prototypes = fieldsOfPrototypes();
  let toldAt = performance.now();
  for (let index = from; index < from + count && !signal?.aborted; index++) {
    const random = randomOf(format.name, seed, index);
    const files = format.spoil(random);
    const began = performance.now();
    const fail = (what: string, cause?: unknown) => new Finding(format.name, index, files, counts, what, cause);
    let refusal: DistillmError | undefined;
    const { largest } = await largestOf(async () => {
      refusal = await ended(format.read(files, random));
    }).catch((error: unknown) => {
      throw fail(`${error}`, error);
    });
    if (refusal) counts.refused++;
    else counts.read++;
    // Asking for processor time takes long. By the clock it may be another program that took it.
    if (performance.now() - began > mostMs) {
      const before = process.cpuUsage();
      await ended(format.read(files, random));
      const { user, system } = process.cpuUsage(before);
      if (user + system > 1000 * mostMs) throw fail(`it took ${Math.round((user + system) / 1000)} ms`);
    }
    const bytes = Object.values(files).reduce((total, { length }) => total + length, 0);
    const most = Math.max(fixed, 2 * bytes) + slackBytes;
    if (largest > most) throw fail(`an array of ${largest} bytes was made for files of ${bytes}`);
    if (fieldsOfPrototypes() !== prototypes) throw fail('a prototype was touched');
    // Tokenizers and models are freed between turns; signals are heard there.
    if (index % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() - toldAt > 1000) {
      onProgress?.(index + 1 - from, counts);
      toldAt = performance.now();
    }
  }
  return counts;
}

/** What reading came to: nothing where it ended well. @throws what is no error of ours */
async function ended(reading: Promise<void>): Promise<DistillmError | undefined> {
  try {
    await reading;
    return undefined;
  } catch (error) {
    if (error instanceof DistillmError) return error;
    throw error;
  }
}

const shared = [Object, Array, Function, String, Number, Map, Set, Promise, Uint8Array, Error].map(
  ({ prototype }) => prototype,
);
const fieldsOfPrototypes = (): number =>
  shared.map((prototype) => Reflect.ownKeys(prototype).length).reduce((total, fields) => total + fields);

const arrays = ['ArrayBuffer', 'SharedArrayBuffer', 'Uint8Array', 'Uint16Array', 'Int8Array', 'Int32Array'] as const;
const moreArrays = ['Uint32Array', 'Float32Array', 'Float64Array', 'BigUint64Array', 'Array'] as const;

let watched: { largest: number } | undefined;
/** From now on arrays that are made while somebody watches are measured. They are the same arrays. */
function watchArrays(): void {
  for (const name of [...arrays, ...moreArrays]) {
    const original = Reflect.get(globalThis, name) as { new (...given: unknown[]): object; BYTES_PER_ELEMENT?: number };
    const width = original.BYTES_PER_ELEMENT ?? (name === 'Array' ? 8 : 1);
    const measured: typeof original = new Proxy(original, {
      construct(target, given, newTarget): object {
        const [length] = given;
        if (watched && typeof length === 'number') watched.largest = Math.max(watched.largest, width * length);
        return Reflect.construct(target, given, newTarget === measured ? target : newTarget);
      },
    });
    Reflect.set(globalThis, name, measured);
  }
}
let isWatching = false;

/** The largest array that `work` asks for, in bytes; views count as what they show. */
async function largestOf(work: () => Promise<void>): Promise<{ largest: number }> {
  if (!isWatching) watchArrays();
  isWatching = true;
  const mine = { largest: 0 };
  watched = mine;
  try {
    await work();
    return mine;
  } finally {
    watched = undefined;
  }
}

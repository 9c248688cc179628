/**
 * Long work on one thread as a generator, which yields every few milliseconds and returns what the work came to. One caller runs
 * it through; another lets signals, timers and messages be heard meanwhile.
 */
import { giveTurn } from './eventLoop.js';

/** Work that yields where it may be paused. */
export type Pausable<Result> = Generator<void, Result, void>;

export function runThrough<Result>(work: Pausable<Result>): Result {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value as Result;
  }
}

/** @throws what the signal was aborted with */
export async function runInTurns<Result>(work: Pausable<Result>, signal?: AbortSignal): Promise<Result> {
  for (;;) {
    await giveTurn();
    signal?.throwIfAborted();
    const { done, value } = work.next();
    if (done) return value as Result;
  }
}

/** Sorted so many at once: some milliseconds. */
const sortedAtOnce = 1 << 14;

/** A list in order; equal ones stay as they were. */
export function* sorted<Each>(list: readonly Each[], compare: (one: Each, other: Each) => number): Pausable<Each[]> {
  let parts: Each[][] = [];
  for (let at = 0; at < list.length; at += sortedAtOnce) {
    parts.push(list.slice(at, at + sortedAtOnce).sort(compare));
    yield;
  }
  while (parts.length > 1) {
    const merged: Each[][] = [];
    for (let i = 0; i < parts.length; i += 2) {
      const [one, other] = [parts[i] as Each[], parts[i + 1]];
      merged.push(other ? yield* mergedOf(one, other, compare) : one);
    }
    parts = merged;
  }
  return parts[0] ?? [];
}

function* mergedOf<Each>(
  one: readonly Each[],
  other: readonly Each[],
  compare: (one: Each, other: Each) => number,
): Pausable<Each[]> {
  const merged: Each[] = [];
  for (let [i, k] = [0, 0]; i < one.length || k < other.length; ) {
    const isFirst = k === other.length || (i < one.length && compare(one[i] as Each, other[k] as Each) <= 0);
    merged.push((isFirst ? one[i++] : other[k++]) as Each);
    if (merged.length % sortedAtOnce === 0) yield;
  }
  return merged;
}

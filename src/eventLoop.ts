/**
 * Turns of the event loop in long work. Where nothing ever waits, aborts, signals, timers and messages would otherwise be
 * heard after the work.
 */

/** Milliseconds of work between two turns. */
export const TURN_MS = 50;

/**
 * Calls `work` in the next turn of the event loop, after what waits there: signals, timers, messages. A timer of 0 ms would
 * take a millisecond in Node, which has something faster.
 */
export const inNextTurn: (work: () => void) => void =
  (globalThis as { setImmediate?: (work: () => void) => void }).setImmediate ?? ((work) => void setTimeout(work));

let turnedAt = Number.NEGATIVE_INFINITY;

/** Gives the event loop a turn if its last one is long ago. For loops whose rounds take milliseconds, once in each. */
export async function giveTurn(): Promise<void> {
  if (performance.now() - turnedAt <= TURN_MS) return;
  await new Promise<void>((resolve) => inNextTurn(resolve));
  turnedAt = performance.now();
}

/**
 * Turns of the event loop in long work. Where nothing ever waits (on WASM a call is done when it returns), aborts, signals,
 * timers and messages would otherwise be heard after the work.
 */

/** Milliseconds of work between two turns. */
const TURN_MS = 50;
let turnedAt = Number.NEGATIVE_INFINITY;

/** Gives the event loop a turn if its last one is long ago. For loops whose rounds take milliseconds, once in each. */
export async function giveTurn(): Promise<void> {
  if (performance.now() - turnedAt <= TURN_MS) return;
  await new Promise((resolve) => setTimeout(resolve));
  turnedAt = performance.now();
}

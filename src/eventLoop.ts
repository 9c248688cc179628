/**
 * Turns of the event loop in long work. Where nothing ever waits, aborts, signals, timers and messages would otherwise be
 * heard after the work.
 */

/** Milliseconds of work between two turns. */
export const TURN_MS = 50;

/**
 * Calls `work` in the next turn of the event loop, after what waits there: signals, timers, messages. No timer does: one of
 * 0 ms takes a millisecond in Node, four in browsers, and a whole second in a page that nobody sees.
 */
export function inNextTurn(work: () => void): void {
  next ??= (globalThis as { setImmediate?: Turn }).setImmediate ?? byMessages();
  next(work);
}

type Turn = (work: () => void) => void;
let next: Turn | undefined;

/** A message to oneself comes behind all that waits. */
function byMessages(): Turn {
  const { port1, port2 } = new MessageChannel();
  const works: (() => void)[] = [];
  port1.onmessage = () => works.shift()?.();
  return (work) => {
    works.push(work);
    port2.postMessage(undefined);
  };
}

let turnedAt = Number.NEGATIVE_INFINITY;

/** Gives the event loop a turn if its last one is long ago. For loops whose rounds take milliseconds, once in each. */
export async function giveTurn(): Promise<void> {
  if (performance.now() - turnedAt <= TURN_MS) return;
  await new Promise<void>((resolve) => inNextTurn(resolve));
  turnedAt = performance.now();
}

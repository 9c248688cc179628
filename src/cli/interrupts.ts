/**
 * Ctrl-C, SIGTERM, and SIGHUP, which comes when a terminal is closed or a connection is lost. A command that has something
 * to save listens to the first; a second Ctrl-C ends the process.
 */

export type Interrupt = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * Milliseconds in which signals are one. `npm exec` passes on the Ctrl-C that the terminal has sent to every process, and
 * a shell the SIGHUP.
 */
const ONE_PRESS_MS = 500;

/**
 * Calls `listener` at the first of `signals`. Half a second later the next SIGINT or SIGTERM ends the process at once, by
 * the system, so that it does even where JavaScript has no turn. Further SIGHUPs change nothing.
 * @returns a function that stops listening
 */
export function onInterrupt(listener: (signal: Interrupt) => void, signals: readonly Interrupt[]): () => void {
  let heard = false;
  let timer: NodeJS.Timeout | undefined;
  const stopHearing = (these: readonly Interrupt[]) => {
    for (const signal of these) process.off(signal, interrupted);
  };
  const interrupted = (signal: Interrupt) => {
    if (heard) return;
    heard = true;
    timer = setTimeout(() => stopHearing(['SIGINT', 'SIGTERM']), ONE_PRESS_MS).unref();
    listener(signal);
  };
  for (const signal of signals) process.on(signal, interrupted);
  return () => {
    clearTimeout(timer);
    stopHearing(signals);
  };
}

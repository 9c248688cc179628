/**
 * Several pieces of work at a time, each result as it comes. Where one fails no other is begun; those that are under way
 * end first, for what they bring has been paid for.
 */

/** What ends the parts of a piece of work. */
export interface WorkSignals {
  /** The whole is over: nobody waits for a result. */
  readonly requests: AbortSignal;
  /** Another piece has failed: no time is spent on further tries. */
  readonly waits: AbortSignal;
}

/**
 * @param work of a number from 0; one after another begin
 * @throws what the first piece that fails throws, after the results of the others; what `signal` is aborted with
 */
export async function* inParallel<T>(
  count: number,
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal | undefined },
  work: (index: number, signals: WorkSignals) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const [requests, waits] = [new AbortController(), new AbortController()];
  const stop = () => {
    waits.abort(signal?.reason);
    requests.abort(signal?.reason);
  };
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  const running = new Map<number, Promise<{ readonly index: number; readonly value?: T; readonly error?: unknown }>>();
  let begun = 0;
  let failure: { readonly error: unknown } | undefined;
  const begin = (index: number) => {
    const signals = { requests: requests.signal, waits: waits.signal };
    running.set(
      index,
      work(index, signals).then(
        (value) => ({ index, value }),
        (error: unknown) => ({ index, error }),
      ),
    );
  };
  try {
    for (;;) {
      while (!failure && begun < count && running.size < concurrency) begin(begun++);
      if (running.size === 0) break;
      const { index, ...ended } = await Promise.race(running.values());
      running.delete(index);
      if ('error' in ended) {
        failure ??= { error: ended.error };
        waits.abort(failure.error);
      } else yield ended.value as T;
    }
    if (failure) throw failure.error;
  } finally {
    signal?.removeEventListener('abort', stop);
    waits.abort();
    requests.abort();
    await Promise.all(running.values());
  }
}

/**
 * Work in turns of the event loop. A kernel is done when its function returns, so that a forward pass, or an hour of them,
 * would be one turn, in which no signal, timer or message is heard. Work that does not fit into the present turn waits here
 * for the next ones, in its order: whoever calls goes on at once, whoever reads waits. Memory is allocated and freed by
 * the callers, in the order of their calls, so that places and numbers are those that they would be without a queue.
 */
import { inNextTurn, TURN_MS } from '../../eventLoop.js';

/**
 * Works until a time, as `performance.now()` has it, and at least a little.
 * @returns whether it is done; else it is called again
 */
export type Work = (until: number) => boolean;

export interface WorkQueue {
  /** Whether nothing waits. */
  readonly isEmpty: boolean;
  /** Begins where nothing waits and the turn has time left. What is not done then waits. */
  do(work: Work): void;
  /** Short work, which is done at once unless other work waits. */
  inOrder(work: () => void): void;
  /** Resolves when the work so far is done. @throws what some of it threw: what came behind it is given up */
  done(): Promise<void>;
  /** Gives up what waits. @param why what those who wait are told */
  end(why: Error): void;
}

interface Waiter {
  /** How much work must be done before. */
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (why: unknown) => void;
}

/** @param turnMs work of a turn, at most: but for the last part, which is not cut */
export function createWorkQueue(turnMs = TURN_MS): WorkQueue {
  let works: Work[] = [];
  /** Of `works`, the first that is not done. */
  let next = 0;
  /** Works that have ever waited, and those of them that are done. */
  let [added, finished] = [0, 0];
  let waiters: Waiter[] = [];
  /** An error that nobody has heard of. */
  let failure: { readonly error: unknown } | undefined;
  /** When the present turn has had its work. */
  let full = 0;
  let isTurnKnown = false;

  const beginTurn = () => {
    full = performance.now() + turnMs;
    if (isTurnKnown) return;
    isTurnKnown = true;
    inNextTurn(() => {
      isTurnKnown = false;
    });
  };
  const tell = (tellOne: (waiter: Waiter) => void, count = Number.POSITIVE_INFINITY) => {
    const told = waiters.filter((waiter) => waiter.count <= count);
    waiters = waiters.filter((waiter) => waiter.count > count);
    for (const waiter of told) tellOne(waiter);
  };
  const giveUp = (error: unknown) => {
    works = [];
    next = 0;
    finished = added;
    if (waiters.length === 0) failure = { error };
    tell(({ reject }) => reject(error));
  };
  const takeTurn = () => {
    beginTurn();
    try {
      while (next < works.length && performance.now() < full) {
        if (!(works[next] as Work)(full)) continue;
        next++;
        finished++;
      }
    } catch (error) {
      giveUp(error);
      return;
    }
    if (next < works.length) inNextTurn(takeTurn);
    else {
      works = [];
      next = 0;
    }
    tell(({ resolve }) => resolve(), finished);
  };
  const add = (work: Work) => {
    works.push(work);
    added++;
    if (works.length === 1) inNextTurn(takeTurn);
  };
  return {
    get isEmpty() {
      return works.length === 0;
    },
    do(work) {
      if (works.length === 0) {
        if (!isTurnKnown) beginTurn();
        if (performance.now() < full && work(full)) return;
      }
      add(work);
    },
    inOrder(work) {
      if (works.length === 0) work();
      else {
        add(() => {
          work();
          return true;
        });
      }
    },
    async done() {
      if (failure) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      if (works.length === 0) return;
      await new Promise<void>((resolve, reject) => {
        waiters.push({ count: added, resolve, reject });
      });
    },
    end(why) {
      if (works.length > 0) giveUp(why);
      failure = undefined;
    },
  };
}

/** Which records a run is validated on. */
import { heldOutOrder } from '../random.js';

/**
 * `random`: a draw, the same for every run on the same number of records, whatever the run's seed: so a teacher and its
 * students hold out the same records. `first`: the first ones, as in the paper's runs; where a file is sorted, those
 * are of one kind.
 */
export type HoldOutOrder = 'random' | 'first';
export const holdOutOrders = ['random', 'first'] as const satisfies readonly HoldOutOrder[];

/**
 * Holds `count` records out. The held-out ones come in the order in which they were drawn, so that the first of them are a
 * fair draw too; the others stay in order.
 */
export function holdOut<T>(
  records: readonly T[],
  count: number,
  order: HoldOutOrder,
): { readonly train: T[]; readonly held: T[] } {
  if (order === 'first') return { train: records.slice(count), held: records.slice(0, count) };
  const drawn = heldOutOrder(records.length).subarray(0, count);
  const isHeld = new Set(drawn);
  return {
    train: records.filter((_, index) => !isHeld.has(index)),
    held: Array.from(drawn, (index) => records[index] as T),
  };
}

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
 * @param records no two of them the same object
 * @param mayBeHeld whether a record can be among the held-out ones; any by default
 */
export function holdOut<T>(
  records: readonly T[],
  count: number,
  order: HoldOutOrder,
  mayBeHeld: (record: T) => boolean = () => true,
): { readonly train: T[]; readonly held: T[] } {
  const among = records.filter(mayBeHeld);
  const drawn = order === 'first' ? among : Array.from(heldOutOrder(among.length), (index) => among[index] as T);
  const held = drawn.slice(0, count);
  const isHeld = new Set(held);
  return { train: records.filter((record) => !isHeld.has(record)), held };
}

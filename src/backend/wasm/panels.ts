/**
 * Right operands of gemmNN that are multiplied again and again, held as panels (assembly/compute/products/panels.ts)
 * in place of row by row, so that no product packs them anew. `arrange` of the device says so of a storage, and its
 * first product turns it round. Whoever else asks where the contents are (`at` in calls.ts) finds them row by row again.
 * There is no second copy, except while one matrix is being turned round.
 */
import { LimitError } from '../../errors.js';
import type { Storage } from '../backend.js';
import { at, grainOf, type Threads, type WasmStorage } from './calls.js';

/** Columns of a panel. */
const WIDTH = 16;

/**
 * Where the panels of a storage are that products read as b [k, n]; makes them on the first call. Undefined for a
 * storage that nobody arranged so, and where there is no room for a second copy meanwhile.
 * @throws DisposedError after `free`
 */
export function panelsOf(threads: Threads, storage: Storage, k: number, n: number): number | undefined {
  const own = storage as WasmStorage;
  if (own.arrangement?.k !== k || own.arrangement.n !== n) return undefined;
  if (own.restore) return own.pointer;
  const panels = Math.ceil(n / WIDTH);
  /** Gives the storage a block of so many bytes that kernel `name` fills from its present one. */
  const turn = (name: string, byteLength: number) => {
    const to = threads.memory.allocate(byteLength, own.label);
    try {
      threads.pool.parallel(name, [own.pointer, to, n, k], panels, grainOf(threads, panels, WIDTH * k));
    } catch (error) {
      threads.memory.free(to);
      throw error;
    }
    threads.memory.free(own.pointer);
    own.pointer = to;
  };
  at(own);
  try {
    turn('packPanels', 4 * WIDTH * k * panels);
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    own.arrangement = undefined;
    return undefined;
  }
  own.restore = () => {
    turn('unpackPanels', own.byteLength);
    own.restore = undefined;
    own.arrangement = undefined;
  };
  return own.pointer;
}

/** All words of a storage that is held as panels, row by row, for the host: the panels stay. */
export function readPanels(
  memory: ArrayBufferLike,
  { arrangement, pointer }: Pick<WasmStorage, 'arrangement' | 'pointer'>,
): Uint32Array<ArrayBuffer> {
  const { k, n } = arrangement as NonNullable<WasmStorage['arrangement']>;
  const words = new Uint32Array(k * n);
  for (let first = 0; first < n; first += WIDTH) {
    const panel = new Uint32Array(memory, pointer + 4 * first * k, WIDTH * k);
    const cols = Math.min(WIDTH, n - first);
    for (let row = 0; row < k; row++) {
      for (let col = 0; col < cols; col++) words[row * n + first + col] = panel[row * WIDTH + col] as number;
    }
  }
  return words;
}

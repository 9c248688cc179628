/**
 * Tensors as another library has them: under other names, and some of them changed, rows in another order for instance.
 * What is not changed is read as before, piece by piece; a changed tensor is made whole from its bytes.
 */
import { noTensor, requireInside } from './storedFile.js';
import type { StoredTensor, TensorSource } from './tensorSource.js';

/** What becomes of a tensor. */
export interface Change {
  readonly dtype: StoredTensor['dtype'];
  readonly shape: readonly number[];
  /** Bytes of the changed tensor. */
  readonly byteLength: number;
  make(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

/** A tensor under its new name. */
export interface NamedTensor {
  readonly name: string;
  /** Left out: nothing but the name changes. */
  readonly change?: Change;
}

/** @param rename undefined for a tensor that is left out */
export function changed(
  source: TensorSource,
  rename: (name: string, stored: StoredTensor) => NamedTensor | undefined,
): TensorSource {
  const entries = new Map<string, StoredTensor>();
  const found = new Map<string, NamedTensor>();
  for (const [stored, entry] of source.entries) {
    const named = rename(stored, entry);
    if (!named) continue;
    const { dtype, shape, byteLength } = named.change ?? entry;
    entries.set(named.name, { dtype, shape, byteLength });
    found.set(named.name, { name: stored, ...(named.change && { change: named.change }) });
  }
  const find = (name: string): NamedTensor => {
    const tensor = found.get(name);
    if (!tensor) throw noTensor(source.name, name);
    return tensor;
  };
  /** The changed tensor that was read last: its pieces are asked for one after another. */
  let made: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  const make = async (name: string, stored: string, change: Change): Promise<Uint8Array<ArrayBuffer>> => {
    if (made?.name !== name) {
      made = undefined;
      made = { name, bytes: change.make(await source.read(stored)) };
    }
    return made.bytes;
  };
  return {
    name: source.name,
    entries,
    async read(name) {
      const { name: stored, change } = find(name);
      return change ? (await make(name, stored, change)).slice() : source.read(stored);
    },
    async readInto(name, offset, target) {
      const { name: stored, change } = find(name);
      if (!change) return source.readInto(stored, offset, target);
      const bytes = await make(name, stored, change);
      const end = offset + target.byteLength;
      requireInside(source.name, name, end, bytes.byteLength);
      target.set(bytes.subarray(offset, end));
      // The last piece of it.
      if (end === bytes.byteLength) made = undefined;
    },
  };
}

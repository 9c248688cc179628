/** The tensors of several files that belong together, as one source. */
import { CheckpointError } from '../errors.js';
import { noTensor } from './storedFile.js';
import type { StoredTensor, TensorSource } from './tensorSource.js';

/** @param name of all of them, for messages. @throws CheckpointError for a tensor that two of them have */
export function joined(name: string, sources: readonly TensorSource[]): TensorSource {
  const entries = new Map<string, StoredTensor>();
  const holders = new Map<string, TensorSource>();
  for (const source of sources) {
    for (const [tensor, entry] of source.entries) {
      const other = holders.get(tensor);
      if (other) throw new CheckpointError(`${name}: tensor '${tensor}' is in ${other.name} and in ${source.name}.`);
      entries.set(tensor, entry);
      holders.set(tensor, source);
    }
  }
  const holding = (tensor: string): TensorSource => {
    const holder = holders.get(tensor);
    if (!holder) throw noTensor(name, tensor);
    return holder;
  };
  return {
    name,
    entries,
    read: async (tensor) => holding(tensor).read(tensor),
    readInto: async (tensor, offset, target) => holding(tensor).readInto(tensor, offset, target),
  };
}

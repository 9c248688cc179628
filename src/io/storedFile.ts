/** The tensors of one file, whose header was read: their bytes are read when they are asked for. */
import { CheckpointError } from '../errors.js';
import type { StoredTensor, TensorSource } from './tensorSource.js';
import type { ReadableFile } from './unchanging.js';

/** A tensor and its first byte in the file. */
interface PlacedTensor extends StoredTensor {
  readonly begin: number;
}

/** The tensors at these places of a file. */
export function storedTensors(file: ReadableFile, entries: ReadonlyMap<string, PlacedTensor>): TensorSource {
  const { name: where } = file;
  const find = (name: string): PlacedTensor => {
    const entry = entries.get(name);
    if (!entry) throw noTensor(where, name);
    return entry;
  };
  return {
    name: where,
    entries,
    async read(name) {
      const { begin, byteLength } = find(name);
      return file.read(begin, byteLength);
    },
    async readInto(name, offset, target) {
      const { begin, byteLength } = find(name);
      requireInside(where, name, offset + target.byteLength, byteLength);
      await file.readInto(begin + offset, target);
    },
  };
}

export const noTensor = (where: string, name: string): CheckpointError =>
  new CheckpointError(`${where}: there is no tensor '${name}'.`, { expected: name });

/** @throws CheckpointError where a tensor ends before */
export function requireInside(where: string, name: string, end: number, byteLength: number): void {
  if (end <= byteLength) return;
  throw new CheckpointError(`${where}: byte ${end} of tensor '${name}' was asked for, it has ${byteLength}.`, {
    found: byteLength,
    expected: end,
  });
}

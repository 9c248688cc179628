/**
 * A part of a teacher cache: the predictions of some neighbouring samples as a safetensors file of three tensors. `rows` has
 * the first row of each sample, and last the number of rows; `ids` [rows, topK] the tokens that are named, in order, in 16
 * bits where the vocabulary allows it; `logs` [rows, topK + 1] the log-probabilities of these and of all other tokens
 * together, in f16.
 */
import { CheckpointError } from '../../errors.js';
import { f16ToF32, f32ToF16 } from '../../halfFloats.js';
import { elementBytes, elementsOf } from '../../io/elements.js';
import type { FileStore } from '../../io/fileStore.js';
import { openSafetensors, type TensorSource, writeSafetensors } from '../../io/index.js';
import { type WrittenFile, writeHashed } from '../fileDigest.js';
import type { TeacherCacheFacts } from './facts.js';
import { type CachePart, makeAnew } from './files.js';
import type { Predictions } from './predict.js';

/** The least log-probability that f16 holds: less is no probability. */
const leastLog = -65504;

export const idDType = (vocabSize: number): 'U16' | 'I32' => (vocabSize <= 2 ** 16 ? 'U16' : 'I32');

/** Bytes of one predicted position. */
export const rowBytes = ({ topK, vocabSize }: Pick<TeacherCacheFacts, 'topK' | 'vocabSize'>): number =>
  topK * elementBytes(idDType(vocabSize)) + (topK + 1) * elementBytes('F16');

/** @param rows of each sample */
export async function writePart(
  store: FileStore,
  path: string,
  { ids, logs }: Predictions,
  { rows, topK, vocabSize }: { readonly rows: readonly number[] } & Pick<TeacherCacheFacts, 'topK' | 'vocabSize'>,
): Promise<WrittenFile> {
  const starts = new Int32Array(rows.length + 1);
  rows.forEach((count, i) => {
    starts[i + 1] = (starts[i] as number) + count;
  });
  const total = starts.at(-1) as number;
  const named =
    idDType(vocabSize) === 'U16'
      ? ({ dtype: 'U16', read: async () => Uint16Array.from(ids) } as const)
      : ({ dtype: 'I32', read: async () => ids } as const);
  const halves = async () => f32ToF16(logs.map((log) => Math.max(log, leastLog)));
  let written: WrittenFile | undefined;
  const hashing = {
    ...store,
    async write(file: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
      written = await writeHashed((hashed) => store.write(file, hashed), chunks);
    },
  };
  await writeSafetensors(hashing, path, [
    { name: 'rows', dtype: 'I32', shape: [starts.length], read: async () => starts },
    { name: 'ids', shape: [total, topK], ...named },
    { name: 'logs', dtype: 'F16', shape: [total, topK + 1], read: halves },
  ]);
  return written as WrittenFile;
}

/** A part that is read sample by sample. */
export interface OpenPart {
  /** @param index within the part */
  read(index: number): Promise<Predictions>;
  rowsOf(index: number): number;
}

/** Reads the header and the places of the samples. @throws CheckpointError where they are not what the manifest says */
export async function openPart(
  store: FileStore,
  { file, samples, rows }: CachePart,
  { topK, vocabSize }: Pick<TeacherCacheFacts, 'topK' | 'vocabSize'>,
): Promise<OpenPart> {
  const source = await openSafetensors(store, file);
  const dtype = idDType(vocabSize);
  requireTensor(source, 'rows', 'I32', [samples + 1]);
  requireTensor(source, 'ids', dtype, [rows, topK]);
  requireTensor(source, 'logs', 'F16', [rows, topK + 1]);
  const starts = elementsOf('I32', await source.read('rows'));
  const inOrder = starts.every((start, i) => start >= (starts[i - 1] ?? 0));
  if (starts[0] !== 0 || starts.at(-1) !== rows || !inOrder) {
    throw new CheckpointError(`${source.name}: 'rows' is not the first row of each sample. ${makeAnew}`);
  }
  const part = async (name: string, bytes: number, from: number, count: number) => {
    const target = new Uint8Array(count * bytes);
    if (count > 0) await source.readInto(name, from * bytes, target);
    return target;
  };
  const rowsOf = (index: number) => (starts[index + 1] as number) - (starts[index] as number);
  return {
    rowsOf,
    async read(index) {
      const [from, count] = [starts[index] as number, rowsOf(index)];
      const ids = elementsOf(dtype, await part('ids', topK * elementBytes(dtype), from, count));
      const logs = elementsOf('F16', await part('logs', (topK + 1) * elementBytes('F16'), from, count));
      const named = Int32Array.from(ids);
      const outside = named.find((id, i) => id >= vocabSize || (i % topK > 0 && id <= (named[i - 1] as number)));
      if (outside !== undefined) {
        throw new CheckpointError(
          `${source.name}: the id ${outside} is outside the vocabulary or out of order. ${makeAnew}`,
          {
            found: outside,
            expected: vocabSize,
          },
        );
      }
      return { ids: named, logs: f16ToF32(logs) };
    },
  };
}

function requireTensor(
  { name: where, entries }: TensorSource,
  name: string,
  dtype: string,
  shape: readonly number[],
): void {
  const found = entries.get(name);
  if (found?.dtype === dtype && found.shape.join() === shape.join()) return;
  const words = found ? `${found.dtype} [${found.shape.join(', ')}]` : 'missing';
  throw new CheckpointError(`${where}: '${name}' is ${words}, expected ${dtype} [${shape.join(', ')}]. ${makeAnew}`, {
    found,
    expected: shape,
  });
}

/**
 * pytorch_model.bin, as torch.save writes it since version 1.6: a zip archive with a pickle that describes the tensors
 * (data.pkl) and a file for each storage. Nothing in it is run: see pickle.ts.
 */
import { CheckpointError, formatBytes } from '../../errors.js';
import { sizeOf } from '../../shape.js';
import type { FileStore } from '../fileStore.js';
import { likenessOf, mistaken, tellingBytes } from '../likeness.js';
import { noTensor, requireInside } from '../storedFile.js';
import type { StoredTensor, TensorSource } from '../tensorSource.js';
import { type ReadableFile, unchanging } from '../unchanging.js';
import { readStateDict, type StridedTensor } from './stateDict.js';
import { contentOf, readZip, type ZipEntry } from './zip.js';

/** Far above the descriptions of any model's tensors. */
const largestPickle = 2 ** 28;

/** @throws CheckpointError when the file is missing, malformed, or no such archive */
export async function openTorch(store: FileStore, path: string): Promise<TensorSource> {
  const file = await unchanging(store, path);
  await requireZip(file);
  const archive = await readZip(file);
  const folder = folderOf(file, archive);
  const entry = (name: string): ZipEntry => {
    const found = archive.get(folder + name);
    if (found) return found;
    throw new CheckpointError(`${file.name}: there is no '${folder}${name}' in the archive. Download it again.`);
  };
  await requireOwnOrder(file, archive.get(`${folder}byteorder`));
  const tensors = readStateDict(await readPickle(file, entry('data.pkl')), `${file.name}: ${folder}data.pkl`);
  const entries = new Map<string, StoredTensor>();
  for (const [name, { storage, shape }] of tensors) {
    const { byteLength } = entry(`data/${storage.key}`);
    if (byteLength < storage.length * storage.elementBytes) {
      throw new CheckpointError(
        `${file.name}: the storage of '${name}' has ${byteLength} bytes, expected ` +
          `${storage.length * storage.elementBytes}. Download the file again.`,
        { found: byteLength, expected: storage.length * storage.elementBytes },
      );
    }
    entries.set(name, { dtype: storage.dtype, shape, byteLength: sizeOf(shape) * storage.elementBytes });
  }
  const find = (name: string): StridedTensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw noTensor(file.name, name);
    return tensor;
  };
  /** Where each storage begins in the file. */
  const begins = new Map<string, Promise<number>>();
  /** Where its first element is in the file. */
  const beginOf = async ({ storage: { key, elementBytes }, offset }: StridedTensor) => {
    const begin = begins.get(key) ?? contentOf(file, entry(`data/${key}`));
    begins.set(key, begin);
    return (await begin) + offset * elementBytes;
  };
  /** The tensor with strides of its own that was read last: its pieces are asked for one after another. */
  let gathered: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  const gather = async (name: string, tensor: StridedTensor) => {
    if (gathered?.name !== name) {
      gathered = undefined;
      gathered = { name, bytes: await inRows(file, await beginOf(tensor), tensor) };
    }
    return gathered.bytes;
  };
  return {
    name: file.name,
    entries,
    async read(name) {
      const tensor = find(name);
      if (!isContiguous(tensor)) return (await gather(name, tensor)).slice();
      return file.read(await beginOf(tensor), entries.get(name)?.byteLength ?? 0);
    },
    async readInto(name, offset, target) {
      const tensor = find(name);
      const end = offset + target.byteLength;
      requireInside(file.name, name, end, entries.get(name)?.byteLength ?? 0);
      if (isContiguous(tensor)) return file.readInto((await beginOf(tensor)) + offset, target);
      target.set((await gather(name, tensor)).subarray(offset, end));
    },
  };
}

/** @throws CheckpointError naming what the file is instead */
async function requireZip(file: ReadableFile): Promise<void> {
  const beginning = await file.read(0, Math.min(file.size, tellingBytes));
  if (beginning[0] === 0x50 && beginning[1] === 0x4b) return;
  if (likenessOf(beginning)?.what.includes('pickle')) {
    throw new CheckpointError(
      `${file.name} is a file of torch.save before version 1.6, expected the zip archive of later versions. Load it with ` +
        'torch, and save it again.',
    );
  }
  const advice = 'Download it again.';
  const what = mistaken(file.name, beginning, 'a file of torch.save');
  throw new CheckpointError(what ?? `${file.name} is no file of torch.save, expected a zip archive. ${advice}`);
}

/** The folder in the archive that has the pickle: 'archive/'. @throws CheckpointError for another archive */
function folderOf({ name: where }: ReadableFile, archive: ReadonlyMap<string, ZipEntry>): string {
  const pickles = [...archive.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const folder = pickles[0]?.slice(0, -'data.pkl'.length);
  if (folder === undefined || pickles.length > 1) {
    const names = [...archive.keys()];
    throw new CheckpointError(
      `${where} is a zip archive of ${names.slice(0, 5).join(', ') || 'nothing'}, expected one of torch.save, with a ` +
        'data.pkl in a folder. Check that it is the right file.',
      { found: names.slice(0, 20) },
    );
  }
  if (archive.has(`${folder}constants.pkl`)) {
    throw new CheckpointError(
      `${where} is a program of TorchScript, expected weights alone. Take the model's own weights.`,
      { found: `${folder}constants.pkl` },
    );
  }
  return folder;
}

async function requireOwnOrder(file: ReadableFile, entry: ZipEntry | undefined): Promise<void> {
  if (!entry) return;
  const bytes = await file.read(await contentOf(file, entry), Math.min(entry.byteLength, 16));
  const order = new TextDecoder().decode(bytes).trim();
  if (order === 'little') return;
  throw new CheckpointError(
    `${file.name}: its numbers are in the byte order '${order}', expected 'little'. Save it on another machine.`,
    { found: order, expected: 'little' },
  );
}

async function readPickle(file: ReadableFile, entry: ZipEntry): Promise<Uint8Array> {
  if (entry.byteLength <= largestPickle) return file.read(await contentOf(file, entry), entry.byteLength);
  throw new CheckpointError(
    `${file.name}: '${entry.name}' has ${formatBytes(entry.byteLength)}, expected at most ${formatBytes(largestPickle)}.`,
    { found: entry.byteLength, expected: largestPickle },
  );
}

/** Whether the elements are neighbours in the order of the axes. */
function isContiguous({ shape, strides }: StridedTensor): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] as number;
    if (extent === 0) return true;
    if (extent > 1 && strides[axis] !== step) return false;
    step *= extent;
  }
  return true;
}

/** The elements in the order of the axes. `begin`: where the first is in the file. */
async function inRows(
  file: ReadableFile,
  begin: number,
  { shape, strides, storage: { elementBytes } }: StridedTensor,
): Promise<Uint8Array<ArrayBuffer>> {
  const last = shape.reduce((index, extent, axis) => index + (extent - 1) * (strides[axis] as number), 0);
  const stretch = await file.read(begin, (last + 1) * elementBytes);
  const made = new Uint8Array(sizeOf(shape) * elementBytes);
  const place = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < made.byteLength; to += elementBytes) {
    const first = from * elementBytes;
    for (let i = 0; i < elementBytes; i++) made[to + i] = stretch[first + i] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number;
      place[axis] = (place[axis] as number) + 1;
      if ((place[axis] as number) < (shape[axis] as number)) break;
      from -= (shape[axis] as number) * (strides[axis] as number);
      place[axis] = 0;
    }
  }
  return made;
}

/** The tensors that a pickle of torch.save describes: names, shapes, and where in which storage their elements are. */
import { CheckpointError } from '../../errors.js';
import { inWords } from '../../inWords.js';
import { sizeOf } from '../../shape.js';
import type { StoredDType } from '../storedFormats.js';
import { Named, type Pickled, unpickle } from './pickle.js';

/** A stretch of numbers, which is a file of the archive. */
export class Storage {
  constructor(
    readonly dtype: StoredDType,
    readonly elementBytes: number,
    /** The name of its file. */
    readonly key: string,
    /** Elements. */
    readonly length: number,
  ) {}
}

/** Element [i, j] is at offset + i strides[0] + j strides[1] of the storage. */
export class StridedTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** As many as torch itself takes. */
const mostAxes = 64;

/** Classes of storages, and what their elements are. */
const storages: Readonly<Record<string, readonly [dtype: StoredDType, bytes: number]>> = {
  'torch.FloatStorage': ['F32', 4],
  'torch.HalfStorage': ['F16', 2],
  'torch.BFloat16Storage': ['BF16', 2],
  'torch.DoubleStorage': ['F64', 8],
  'torch.LongStorage': ['I64', 8],
  'torch.IntStorage': ['I32', 4],
  'torch.ShortStorage': ['I16', 2],
  'torch.CharStorage': ['I8', 1],
  'torch.ByteStorage': ['U8', 1],
  'torch.BoolStorage': ['BOOL', 1],
};

/** @throws CheckpointError for a pickle that is malformed, names what is not allowed, or is no state dict */
export function readStateDict(pickle: Uint8Array, where: string): ReadonlyMap<string, StridedTensor> {
  const wrong = (what: string, found: unknown) =>
    new CheckpointError(`${where}: ${what} is ${inWords(found)}. Save the model again (save_pretrained).`, { found });
  const counts = (value: Pickled | undefined, what: string): number[] => {
    if (Array.isArray(value) && value.length > mostAxes) {
      throw new CheckpointError(
        `${where}: ${what} of a tensor has ${value.length} axes, expected at most ${mostAxes}. Download the file again.`,
        { found: value.length, expected: mostAxes },
      );
    }
    if (Array.isArray(value) && value.every(isCount)) return value as number[];
    throw wrong(`${what} of a tensor`, value);
  };
  const rebuild = (args: readonly Pickled[]): StridedTensor => {
    const [storage, offset, size, stride] = args;
    if (!(storage instanceof Storage)) throw wrong('the storage of a tensor', storage);
    if (!isCount(offset)) throw wrong('the offset of a tensor', offset);
    const [shape, strides] = [counts(size, 'the shape'), counts(stride, 'the strides')];
    if (shape.length !== strides.length) throw wrong('the strides of a tensor', strides);
    const tensor = new StridedTensor(storage, offset as number, shape, strides);
    requireInStorage(tensor, where);
    return tensor;
  };
  const names = new Map<string, ((args: readonly Pickled[]) => Pickled) | undefined>([
    ['collections.OrderedDict', ([pairs]) => orderedDict(pairs)],
    ['torch._utils._rebuild_tensor_v2', rebuild],
    ['torch._utils._rebuild_tensor', rebuild],
    ['torch._utils._rebuild_parameter', ([data]) => data ?? null],
    ['torch.Size', ([size]) => counts(size, 'the shape')],
    ...Object.keys(storages).map((name): [string, undefined] => [name, undefined]),
  ]);
  const outside = (id: Pickled): Storage => {
    const [kind, type, key, , length] = Array.isArray(id) ? id : [];
    const [dtype, bytes] = (type instanceof Named && storages[type.name]) || [];
    if (kind !== 'storage' || !dtype || !bytes || typeof key !== 'string' || !isCount(length)) {
      throw wrong('the reference to a storage', id);
    }
    return new Storage(dtype, bytes, key, length as number);
  };
  const root = unpickle(pickle, where, { names, outside });
  if (!(root instanceof Map)) throw wrong('what was saved', root);
  const tensors = new Map<string, StridedTensor>();
  for (const [name, value] of root) {
    if (typeof name !== 'string') throw wrong('a name of a tensor', name);
    if (!(value instanceof StridedTensor)) {
      throw new CheckpointError(
        `${where}: '${name}' is ${value instanceof Map ? 'a dict' : inWords(value)}, expected a tensor: the file holds ` +
          'more than the weights of a model. Save these alone (save_pretrained).',
        { found: name },
      );
    }
    tensors.set(name, value);
  }
  return tensors;
}

const isCount = (value: Pickled | undefined): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

function orderedDict(pairs: Pickled | undefined): Map<Pickled, Pickled> {
  const list = Array.isArray(pairs) ? pairs : [];
  return new Map(list.map((pair) => (Array.isArray(pair) ? [pair[0] as Pickled, pair[1] as Pickled] : [pair, null])));
}

/** @throws CheckpointError where elements are beyond the storage, or more than it has: they would be made of nothing */
function requireInStorage({ storage, offset, shape, strides }: StridedTensor, where: string): void {
  const size = sizeOf(shape);
  const last = shape.reduce((index, extent, axis) => index + (extent - 1) * (strides[axis] as number), offset);
  if (size === 0 || (size <= storage.length && last < storage.length)) return;
  throw new CheckpointError(
    `${where}: a tensor [${shape.join(', ')}] with the strides ${strides.join(', ')} from ${offset} is beyond its ` +
      `storage of ${storage.length} elements. Download the file again.`,
    { found: size, expected: storage.length },
  );
}

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { concatenate } from '../../src/io/concatenate.js';
import { memoryStore } from '../../src/io/memoryStore.js';
import { openSafetensors } from '../../src/io/safetensors.js';
import { readFloatPieces, readFloats } from '../../src/io/tensorSource.js';
import { openTorch } from '../../src/io/torch/index.js';
import { openFolder } from '../../src/platform/openFolder.js';

const oracles = openFolder(new URL('../oracles/torch', import.meta.url).pathname);
const read = (name: string) => readFile(new URL(`../oracles/torch/${name}`, import.meta.url));
const open = (bytes: Uint8Array) => openTorch(memoryStore({ 'm.bin': bytes }), 'm.bin');
const failure = (bytes: Uint8Array) =>
  open(bytes).then(
    () => expect.unreachable(),
    (error: unknown) => error as CheckpointError,
  );

const { TextEncoder: Encoder } = globalThis;
const bytesOf = (content: string) => new Encoder().encode(content);
const word = (size: 2 | 4 | 8, value: number) => {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.floor(value / 256 ** i) % 256;
  return bytes;
};

/** A zip archive of stored files. `large`: sizes and places in the fields of ZIP64. */
function zip(
  files: Readonly<Record<string, Uint8Array>>,
  { large = false, method = 0 }: { readonly large?: boolean; readonly method?: number } = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array) => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const [name, content] of Object.entries(files)) {
    const header = at;
    const named = bytesOf(name);
    const fields = concatenate([word(2, 20), word(2, 0), word(2, method), word(4, 0), word(4, 0)]);
    const sizes = concatenate([word(4, content.length), word(4, content.length)]);
    put(concatenate([word(4, 0x04034b50), fields, sizes, word(2, named.length), word(2, 0), named, content]));
    const extra = large
      ? concatenate([word(2, 1), word(2, 24), word(8, content.length), word(8, content.length), word(8, header)])
      : new Uint8Array();
    const most = (value: number) => word(4, large ? 0xffffffff : value);
    directory.push(
      concatenate([
        ...[word(4, 0x02014b50), word(2, 20), fields, most(content.length), most(content.length)],
        ...[word(2, named.length), word(2, extra.length), word(2, 0), word(2, 0), word(2, 0), word(4, 0), most(header)],
        ...[named, extra],
      ]),
    );
  }
  const begin = at;
  const whole = concatenate(directory);
  put(whole);
  const count = Object.keys(files).length;
  if (large) {
    const end64 = at;
    put(
      concatenate([
        ...[word(4, 0x06064b50), word(8, 44), word(2, 45), word(2, 45), word(4, 0), word(4, 0)],
        ...[word(8, count), word(8, count), word(8, whole.length), word(8, begin)],
      ]),
    );
    put(concatenate([word(4, 0x07064b50), word(4, 0), word(8, end64), word(4, 1)]));
  }
  const all = (size: 2 | 4, value: number) => word(size, large ? 256 ** size - 1 : value);
  put(
    concatenate([
      ...[word(4, 0x06054b50), word(2, 0), word(2, 0), all(2, count), all(2, count)],
      ...[all(4, whole.length), all(4, begin), word(2, 0)],
    ]),
  );
  return concatenate(parts);
}

const archive = (pickle: Uint8Array, data: Readonly<Record<string, Uint8Array>> = {}, options = {}) =>
  zip({ 'm/data.pkl': pickle, ...data }, options);
const binary = (content: string) => Uint8Array.from(content, (letter) => letter.charCodeAt(0));
const short = (content: string) => `\x8c${String.fromCharCode(content.length)}${content}`;
/** A pickle of one tensor 'a' of four floats, whose shape, strides and offset are written as they are given. */
const oneTensor = ({ shape = '(K\x02K\x02t', strides = '(K\x02K\x01t', offset = 'K\x00', length = 'K\x04' } = {}) =>
  binary(
    `\x80\x02}${short('a')}ctorch._utils\n_rebuild_tensor_v2\n((${short('storage')}ctorch\nFloatStorage\n${short('0')}` +
      `${short('cpu')}${length}tQ${offset}${shape}${strides}\x89ccollections\nOrderedDict\n)RtRs.`,
  );
const four = { 'm/data/0': new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };

describe('a file of torch.save', () => {
  it('has the values that torch has: all dtypes, strides, offsets, shared storages', async () => {
    const file = await openTorch(oracles, 'dtypes.bin');
    const expected = await openSafetensors(oracles, 'dtypes.safetensors');
    for (const [name, { shape }] of expected.entries) {
      expect([name, file.entries.get(name)?.shape]).toEqual([name, shape]);
      const wanted = await readFloats(expected, name);
      expect([name, await readFloats(file, name)]).toEqual([name, wanted]);
      const pieces: number[] = [];
      for await (const piece of readFloatPieces(file, name, new Uint8Array(24))) pieces.push(...piece);
      expect([name, Float32Array.from(pieces)]).toEqual([name, wanted]);
    }
    const dtypes = Object.fromEntries([...file.entries].map(([name, { dtype }]) => [name, dtype]));
    expect(dtypes).toMatchObject({ f16: 'F16', bf16: 'BF16', f64: 'F64', ints: 'I64', bytes: 'U8', bools: 'BOOL' });
    expect(await file.read('bools')).toEqual(Uint8Array.of(1, 0));
    await expect(readFloats(file, 'ints')).rejects.toThrow(/tensor 'ints' has dtype I64, expected F32, F16, BF16/);
  });

  it('may be beyond the sizes of 32 bits', async () => {
    const file = await open(archive(oneTensor(), four, { large: true }));
    expect(await readFloats(file, 'a')).toEqual(Float32Array.of(1, 2, 3, 4));
    const turned = await open(archive(oneTensor({ strides: '(K\x01K\x02t' }), four));
    expect(await readFloats(turned, 'a')).toEqual(Float32Array.of(1, 3, 2, 4));
  });

  it('of a time before version 1.6 is refused by name', async () => {
    expect((await failure(await read('legacy.bin'))).message).toMatch(
      /m\.bin is a file of torch\.save before version 1\.6, expected the zip archive/,
    );
  });

  it('that names a function is refused with the name, and calls nothing', async () => {
    const error = await failure(await read('code.bin'));
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT', found: 'posix.getcwd' });
    expect(error.message).toMatch(
      /names posix\.getcwd, expected nothing but collections\.OrderedDict, .*nothing of it was run/,
    );
  });

  const deep = `\x80\x02${'('.repeat(100_000)}${'t'.repeat(100_000)}.`;
  const nested = `\x80\x02${']'.repeat(100_000)}${'a'.repeat(99_999)}.`;
  /** Each list holds the one before twice: 2^60 values, if anyone went through them. */
  const bomb = `\x80\x02]q\x00${Array.from({ length: 60 }, (_, i) => `]q${String.fromCharCode(i + 1)}h${String.fromCharCode(i)}ah${String.fromCharCode(i)}a`).join('')}.`;
  /** The same in tuples: 2^200 values. */
  const tuples = `\x80\x02]q\x000${Array.from({ length: 200 }, (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}0`).join('')}h\xc8.`;
  /** One list of 3,000 pairs, of which 1,500 dicts are made, in five bytes each. */
  const dicts = `\x80\x02](${'K\x01N\x86'.repeat(3_000)}e\x85q\x00ccollections\nOrderedDict\nq\x01(${'h\x01h\x00R'.repeat(1_500)}l.`;
  it.each<[string, string, RegExp]>([
    ['nothing', '', /malformed pickle: 1 bytes are asked for, 0 are left/],
    ['a number', '\x80\x02K\x05.', /what was saved is 5/],
    ['a tensor that is none', `\x80\x02}${short('a')}K\x05s.`, /'a' is 5, expected a tensor: the file holds more/],
    ['a dict in it', `\x80\x02}${short('model')}}s.`, /'model' is a dict, expected a tensor/],
    ['marks and tuples, deep', deep, /what was saved is/],
    ['lists in lists, deep', nested, /what was saved is/],
    ['tuples that double', tuples, /what was saved is \[+\.\.\. \(more than 100000 values and characters\)/],
    ['dicts of one list', dicts, /more lists, dicts, tuples or values than any model needs/],
    ['lists that double', bomb, /more than one value|what was saved is/],
    [
      'two million dicts',
      `\x80\x02${'}'.repeat(2_000_000)}.`,
      /more lists, dicts, tuples or values than any model needs/,
    ],
    ['five million values', `\x80\x02${'N'.repeat(5_000_000)}.`, /more lists, dicts, tuples or values than any model/],
    ['a text longer than the file', '\x80\x02X\xff\xff\xff\xff', /4294967295 bytes are asked for/],
    ['a text of 2^63 bytes', `\x80\x02\x8d${'\xff'.repeat(8)}`, /bytes are asked for/],
    ['an integer of 255 bytes', '\x80\x02\x8a\xff', /an integer of 255 bytes/],
    ['an empty stack', '\x80\x02R', /the stack is empty/],
    ['a value from below the mark', '\x80\x02K\x01(0', /the stack is empty/],
    ['no mark', '\x80\x02t', /there is no mark/],
    ['what was not remembered', '\x80\x02h\x07.', /nothing is remembered as 7/],
    ['an opcode of objects', '\x80\x02)\x81.', /the opcode 0x81, which torch\.save does not write/],
    ['attributes of no dict', '\x80\x02]Nb.', /what gets attributes is no dict/],
    ['an extension', '\x80\x02\x82\x01.', /the opcode 0x82/],
    ['a name in parts', `\x80\x04${short('os')}${short('system')}\x93.`, /names os\.system, expected nothing but/],
    ['a storage of another kind', `\x80\x02}${short('a')}ctorch\nQInt8Storage\ns.`, /names torch\.QInt8Storage/],
    ['a called storage', '\x80\x02ctorch\nFloatStorage\n)R.', /a call of what is no function/],
    ['a strange reference', '\x80\x02K\x01Q.', /the reference to a storage is 1/],
  ])('with a pickle of %s is refused', async (_, pickle, message) => {
    const error = await failure(archive(binary(pickle), four));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });

  it.each<[string, Parameters<typeof oneTensor>[0], RegExp]>([
    [
      'elements beyond its storage',
      { offset: 'K\x01' },
      /a tensor \[2, 2\] with the strides 2, 1 from 1 is beyond its storage of 4/,
    ],
    [
      'a huge shape of one element',
      { shape: '(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft', strides: '(K\x00K\x00t' },
      /is beyond its storage of 4/,
    ],
    [
      'more axes than torch takes',
      { shape: `(${'K\x01'.repeat(65)}t`, strides: `(${'K\x01'.repeat(65)}t` },
      /the shape of a tensor has 65 axes, expected at most 64/,
    ],
    ['a negative extent', { shape: '(J\xff\xff\xff\xffK\x02t' }, /the shape of a tensor is/],
    ['fewer strides than axes', { strides: '(K\x01t' }, /the strides of a tensor is/],
    ['a storage longer than its file', { length: 'K\x09' }, /the storage of 'a' has 16 bytes, expected 36/],
    ['a negative offset', { offset: 'J\xff\xff\xff\xff' }, /the offset of a tensor is -1/],
  ])('whose tensor has %s is refused', async (_, change, message) => {
    expect((await failure(archive(oneTensor(change), four))).message).toMatch(message);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a storage that is not there', archive(oneTensor()), /there is no 'm\/data\/0' in the archive/],
    [
      'packed files',
      archive(oneTensor(), four, { method: 8 }),
      /'m\/data\.pkl' is packed \(method 8\), expected to be stored/,
    ],
    [
      'a program of TorchScript',
      archive(oneTensor(), { ...four, 'm/constants.pkl': binary('.') }),
      /a program of TorchScript/,
    ],
    [
      'another byte order',
      archive(oneTensor(), { ...four, 'm/byteorder': binary('big') }),
      /in the byte order 'big', expected 'little'/,
    ],
    [
      'other files',
      zip({ 'xl/workbook.xml': binary('<a>') }),
      /is a zip archive of xl\/workbook\.xml, expected one of torch\.save/,
    ],
    ['a cut end', archive(oneTensor(), four).subarray(0, 300), /the file ends before the directory of its archive/],
    ['a page', bytesOf('<!doctype html>'), /m\.bin is an HTML page, expected a file of torch\.save/],
    ['a pointer', bytesOf('version https://git-lfs.github.com/spec/v1\n'), /is a Git LFS pointer/],
    ['nothing', new Uint8Array(), /is no file of torch\.save/],
  ])('with %s is refused', async (_, bytes, message) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toMatch(message);
  });

  it('with any byte changed gives an error of ours, or the same tensors', async () => {
    const whole = archive(oneTensor(), four);
    for (let at = 0; at < whole.length; at++) {
      const spoilt = whole.slice();
      spoilt[at] = (spoilt[at] as number) ^ 0x55;
      const result = await open(spoilt)
        .then((file) => (file.entries.has('a') ? readFloats(file, 'a') : undefined))
        .catch((error: unknown) => error);
      if (result instanceof Error) expect([at, result]).toEqual([at, expect.any(CheckpointError)]);
    }
  });
});

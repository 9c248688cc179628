/** Folders that were picked or dropped in a page, as stores. */
import { expect, it } from 'vitest';
import {
  blobStore,
  loadModel,
  loadTokenizer,
  memoryStore,
  openDevice,
  saveModel,
  trainTokenizer,
} from '../../src/index.js';
import { createModel } from '../../src/models/index.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

it('has the files and folders that it is given, in parts as they are asked for', async () => {
  const store = blobStore({ 'a.txt': new File(['abc'], 'other'), 'deep/b/c.txt': new Blob(['de']) });
  expect(await store.list()).toEqual({ files: ['a.txt'], folders: ['deep'] });
  expect(await store.folder('deep').list()).toEqual({ files: [], folders: ['b'] });
  expect(text(await store.folder('deep').folder('b').read('c.txt', 1))).toBe('e');
  expect([await store.exists('a.txt'), await store.exists('deep'), await store.size('a.txt')]).toEqual([
    true,
    false,
    3,
  ]);
  const some = new Uint8Array(2);
  await store.readInto('a.txt', 1, some);
  expect(text(some)).toBe('bc');
  await expect(store.read('a.txt', 2, 2)).rejects.toThrow('picked files/a.txt: byte 4 was asked for, the file has 3.');
  await expect(store.read('b.txt')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', expected: 'b.txt' });
  await expect(store.folder('none').list()).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  await expect(store.write('a.txt', [])).rejects.toMatchObject({ code: 'ERR_OPTION' });
  await expect(store.read('../a.txt')).rejects.toMatchObject({ code: 'ERR_OPTION' });
});

it('says that a file was changed since it was picked', async () => {
  const file = new File(['abc'], 'a.txt');
  const gone = new DOMException('The requested file could not be read.', 'NotReadableError');
  file.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(gone) });
  await expect(blobStore({ 'a.txt': file }, { name: 'model' }).read('a.txt')).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/^model\/a\.txt: the file cannot be read .*Pick it again/),
  });
});

it('gives a model and its tokenizer', async () => {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1 } });
  const tokenizer = trainTokenizer(['a b', 'b c'], { vocabSize: 260 });
  const config = { model_type: 'gpt2', vocab_size: 260, n_positions: 16, n_head: 2, n_embd: 8, n_layer: 1 };
  const saved = memoryStore();
  await saveModel(await createModel(config, { device }), saved, { files: tokenizer.save() });
  const files = [...saved.files].map(([path, bytes]) => [path, new File([bytes as Uint8Array<ArrayBuffer>], path)]);
  const store = blobStore(Object.fromEntries(files));
  expect((await loadModel(store, { device })).vocabSize).toBe(260);
  expect((await loadTokenizer(store)).encode('a b')).toEqual(tokenizer.encode('a b'));
  await device.dispose();
});

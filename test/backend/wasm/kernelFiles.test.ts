/** Where the kernels come from: files of the package, moved files, text in the script; and what is said where they are not. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openDevice } from '../../../src/backend/openDevice.js';
import { embeddedKernels } from '../../../src/backend/wasm/embeddedKernels.js';
import { readKernels } from '../../../src/backend/wasm/kernelFiles.js';
import { DeviceError, OptionError } from '../../../src/errors.js';
import { arithmetics } from '../../harness/arithmetics.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-kernels-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A folder with the file of one build, which has this content. */
async function folderWith(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'compute-plain.wasm'), content);
  return path;
}

it.each(['fused', 'plain'] as const)('the bytes are those of the %s build, wherever it is', async (arithmetic) => {
  const file = `compute-${arithmetic}.wasm`;
  await copyFile(`build/${file}`, join(folder, file));
  const built = new Uint8Array(await readFile(`build/${file}`));
  for (const place of [undefined, folder, `${folder}/`, pathToFileURL(`${folder}/`), embeddedKernels]) {
    // toEqual would look at each byte.
    expect(Buffer.compare(await readKernels(arithmetic, place), built), String(place)).toBe(0);
  }
});

it.each(arithmetics)('a device of %s arithmetic opens on kernels in the script', async (arithmetic) => {
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 2, arithmetic, kernels: embeddedKernels } });
  expect(device.info).toMatchObject({ arithmetic, threads: 2 });
  await device.dispose();
});

it('what is not there is named, with the ways out, and looked for again the next time', async () => {
  const place = join(folder, 'later');
  const error = await openDevice({ kind: 'wasm', wasm: { arithmetic: 'plain', kernels: place } }).catch(
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({ found: `${place}/compute-plain.wasm`, expected: 'compute-plain.wasm' });
  expect((error as Error).message).toMatch(
    /later\/compute-plain\.wasm: ENOENT.*name it by wasm: \{ kernels: '\/folder\/' \}; .*embeddedKernels/,
  );
  await folderWith('later', await readFile('build/compute-plain.wasm'));
  const device = await openDevice({ kind: 'wasm', wasm: { threads: 1, arithmetic: 'plain', kernels: place } });
  await device.dispose();
});

it('a page in the place of the file, and a file of another version, are told apart from it', async () => {
  const page = await folderWith('page', '<!doctype html>');
  await expect(readKernels('plain', page)).rejects.toThrow('what is there is no WebAssembly');
  await mkdir(join(folder, '.vite'));
  const moved = readKernels('plain', await folderWith('.vite/deps', '<!doctype html>'));
  await expect(moved).rejects.toThrow(/no WebAssembly; the development server of Vite .*exclude: \['distillm'\]/);
  const other = await folderWith('other', await readFile('build/compute-fused.wasm'));
  await expect(readKernels('plain', other)).rejects.toThrow('what is there are kernels of another version');
  const broken = { ...embeddedKernels, plain: 'AAAA' };
  await expect(readKernels('plain', broken)).rejects.toBeInstanceOf(DeviceError);
});

it('a bundle that knows no address of its own says so', async () => {
  const own = { digest: 0, file: () => new URL('./compute-fused.wasm', undefined) };
  vi.doMock('../../../src/backend/wasm/ownKernels.js', () => ({ ownKernels: { fused: own, plain: own } }));
  vi.resetModules();
  const { readKernels } = await import('../../../src/backend/wasm/kernelFiles.js');
  vi.doUnmock('../../../src/backend/wasm/ownKernels.js');
  await expect(readKernels('fused', undefined)).rejects.toThrow(
    /^openWasm: compute-fused\.wasm: this bundle knows no address of its own.*distillm\/embedded/,
  );
});

it('other places are refused', async () => {
  for (const kernels of ['', 3, null, {}, { fused: 'a' }, ['a']]) {
    const opening = openDevice({ kind: 'wasm', wasm: { kernels: kernels as never } });
    await expect(opening).rejects.toThrow(/wasm\.kernels is .*, expected the address of a folder, or embeddedKernels/);
    await expect(opening).rejects.toBeInstanceOf(OptionError);
  }
});

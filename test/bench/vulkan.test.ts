import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adviceFor, findVulkan, vulkanAttempts } from '../../bench/pack/vulkan.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'distillm-'));
});
afterAll(() => rm(root, { recursive: true }));

async function machine(name: string, files: readonly string[], libraryPath?: string) {
  const place = { root: join(root, name), packedLoader: '/packed/lib', scratch: '/scratch', libraryPath };
  await mkdir(place.root);
  for (const file of files) {
    await mkdir(dirname(join(place.root, file)), { recursive: true });
    await writeFile(join(place.root, file), '');
  }
  const found = findVulkan(place);
  return { found, attempts: vulkanAttempts(found, place), advice: adviceFor(found).join('\n') };
}
const lib = 'usr/lib/x86_64-linux-gnu';

describe('the GPU archive looks for Vulkan', () => {
  it('on a machine that has all: its own loader and drivers come first, changed in nothing', async () => {
    const icd = 'usr/share/vulkan/icd.d/nvidia_icd.json';
    const { attempts } = await machine('whole', [
      `${lib}/libvulkan.so.1`,
      `${lib}/libGLX_nvidia.so.0`,
      icd,
      'dev/nvidia0',
    ]);
    expect(attempts[0]).toEqual({ name: "the machine's loader, the machine's drivers", env: {} });
    expect(attempts[1]?.env).toEqual({ LD_LIBRARY_PATH: '/packed/lib' });
    expect(attempts[2]?.env).toMatchObject({ VK_DRIVER_FILES: `/${icd}`, VK_ICD_FILENAMES: `/${icd}` });
  });

  it("in a container with the driver's libraries alone: an ICD is written for each, the packed loader reads it", async () => {
    const { attempts } = await machine('container', [
      ...['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'].map((name) => `usr/local/nvidia/lib64/${name}`),
      'dev/nvidiactl',
    ]);
    const written = attempts.filter(({ icd }) => icd);
    expect(written.map(({ icd }) => JSON.parse(icd?.text ?? '').ICD.library_path)).toEqual([
      '/usr/local/nvidia/lib64/libGLX_nvidia.so.0',
      '/usr/local/nvidia/lib64/libEGL_nvidia.so.0',
    ]);
    for (const { env, icd } of written) {
      expect(env.VK_ICD_FILENAMES).toBe(icd?.path);
      expect(env.LD_LIBRARY_PATH).toBe('/packed/lib:/usr/local/nvidia/lib64');
    }
  });

  it('where the driver is mounted beside the system: its ICD is named, with its libraries and those of the caller', async () => {
    const icd = 'usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json';
    const { attempts } = await machine('mounted', [icd, 'usr/local/nvidia/lib64/libGLX_nvidia.so.0'], '/own/lib');
    expect(attempts.map(({ env }) => env)).toContainEqual({
      VK_DRIVER_FILES: `/${icd}`,
      VK_ICD_FILENAMES: `/${icd}`,
      LD_LIBRARY_PATH: '/packed/lib:/usr/local/nvidia/lib64:/own/lib',
    });
  });

  it("in folders of LD_LIBRARY_PATH: another machine's driver unpacked there is found", async () => {
    const { found } = await machine('unpacked', ['own/lib/libEGL_nvidia.so.0'], '/own/lib');
    expect(found.nvidia).toEqual(['/own/lib/libEGL_nvidia.so.0']);
  });

  it.each([
    ['no GPU', [], 'The system shows no GPU'],
    ['a compute-only driver', ['dev/nvidia0'], 'NVIDIA_DRIVER_CAPABILITIES=all'],
    ['a driver that does not load', ['dev/nvidia0', `${lib}/libGLX_nvidia.so.0`], 'libX11.so.6'],
    ['the GPU of another maker', ['dev/dri/renderD128'], 'mesa-vulkan-drivers'],
  ])('and says what to do about %s', async (name, files, said) => {
    expect((await machine(name, files)).advice).toContain(said);
  });
});

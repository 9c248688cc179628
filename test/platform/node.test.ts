import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { hasGPUDevice, mayHaveGPU } from '../../src/platform/node/index.js';

describe('a GPU is seen on Linux', () => {
  it.skipIf(process.platform !== 'linux' || hasGPUDevice('/'))(
    'by a driver that the environment names, whose library is there',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'distillm-'));
      const driver = async (name: string, library: string) => {
        await writeFile(join(folder, name), JSON.stringify({ ICD: { library_path: library } }));
        return join(folder, name);
      };
      await writeFile(join(folder, 'libvulkan_mine.so'), '');
      const gone = await driver('gone.json', '/nowhere/libvulkan.so');
      const relative = await driver('relative.json', './libvulkan_mine.so');
      const ofSystem = await driver('system.json', 'libvulkan_lvp.so');
      try {
        for (const [list, expected] of [
          ['', false],
          ['/nowhere/x.json', false],
          [gone, false],
          [`${gone}:${relative}`, true],
          [ofSystem, true],
          [folder, true],
        ] as const) {
          vi.stubEnv('VK_ICD_FILENAMES', '');
          vi.stubEnv('VK_ADD_DRIVER_FILES', '');
          vi.stubEnv('VK_DRIVER_FILES', list);
          expect([list, mayHaveGPU()]).toEqual([list, expected]);
        }
      } finally {
        vi.unstubAllEnvs();
        await rm(folder, { recursive: true });
      }
    },
  );

  it.each([
    ['by its render node', 'dev/dri/renderD128', true],
    ['by the device of a driver without one', 'dev/nvidia0', true],
    ['in WSL', 'dev/dxg', true],
    ["by NVIDIA's Vulkan driver, whose devices come later", 'usr/share/vulkan/icd.d/nvidia_icd.json', true],
    ['not in a display that computes nothing', 'dev/dri/card0', false],
    ['not in the driver that runs on the processor', 'usr/share/vulkan/icd.d/lvp_icd.json', false],
  ])('%s: %s', async (_, file, expected) => {
    const root = await mkdtemp(join(tmpdir(), 'distillm-'));
    expect(hasGPUDevice(root)).toBe(false);
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
    expect(hasGPUDevice(root)).toBe(expected);
    await rm(root, { recursive: true });
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasGPUDevice } from '../../src/platform/node/index.js';

describe('a GPU is seen on Linux', () => {
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

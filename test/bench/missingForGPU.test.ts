import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingForGPU } from '../../bench/pack/missingForGPU.ts';

const icd = 'usr/share/vulkan/icd.d';

describe('the packed benchmarks say what is missing', () => {
  it.each([
    ['a GPU', [`${icd}/lvp_icd.json`], ['none', 'lvp_icd.json', 'The system shows no GPU']],
    ["NVIDIA's Vulkan driver", ['dev/nvidia0'], ['/dev/nvidia*', 'none', 'NVIDIA_DRIVER_CAPABILITIES=all']],
    [
      'what that driver needs',
      ['dev/nvidia0', 'dev/dri/renderD128', 'etc/vulkan/icd.d/nvidia_icd.json'],
      ['/dev/nvidia*, /dev/dri/renderD128', 'nvidia_icd.json', 'libX11.so.6'],
    ],
    ['the driver of another GPU', ['dev/dri/renderD128'], ['/dev/dri/renderD128', 'none', 'mesa-vulkan-drivers']],
  ])('%s', async (_, files, [devices, drivers, advice]) => {
    const root = await mkdtemp(join(tmpdir(), 'distillm-'));
    for (const file of files) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), '');
    }
    const lines = missingForGPU(root);
    expect(lines.slice(0, 2)).toEqual([`GPU devices:    ${devices}`, `Vulkan drivers: ${drivers}`]);
    expect(lines.join('\n')).toContain(advice);
    await rm(root, { recursive: true });
  });
});

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Lines that say what this Linux machine has for WebGPU, and what is missing. `root`: of its file system. */
export function missingForGPU(root: string): string[] {
  const names = (folder: string) => {
    try {
      return readdirSync(join(root, folder));
    } catch {
      return [];
    }
  };
  const nvidia = names('dev').some((name) => /^nvidia/.test(name));
  const render = names('dev/dri').filter((name) => name.startsWith('renderD'));
  const devices = [...(nvidia ? ['/dev/nvidia*'] : []), ...render.map((name) => `/dev/dri/${name}`)];
  const folders = ['etc/vulkan/icd.d', 'usr/share/vulkan/icd.d', 'usr/local/share/vulkan/icd.d'];
  const drivers = folders.flatMap(names).filter((name) => name.endsWith('.json'));
  return [
    `GPU devices:    ${devices.join(', ') || 'none'}`,
    `Vulkan drivers: ${drivers.join(', ') || 'none'}`,
    '',
    ...advice({ nvidia, devices: devices.length > 0, driver: drivers.some((name) => name.startsWith('nvidia')) }),
    'To see the suites work without a GPU: run.sh --software --size tiny',
  ];
}

function advice({ nvidia, devices, driver }: { nvidia: boolean; devices: boolean; driver: boolean }): string[] {
  if (!devices)
    return [
      'The system shows no GPU. In a container, pass it on: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all (NVIDIA),',
      'or --device /dev/dri (AMD, Intel). Elsewhere, install its kernel driver.',
    ];
  if (nvidia && !driver)
    return [
      "NVIDIA's Vulkan driver is missing (nvidia_icd.json). In a container, start it with -e NVIDIA_DRIVER_CAPABILITIES=all:",
      'the default leaves graphics out. Elsewhere, install the full driver, not the compute-only packages (Ubuntu, Debian:',
      'libnvidia-gl-NUMBER of the driver that nvidia-smi names).',
    ];
  if (nvidia)
    return [
      "NVIDIA's Vulkan driver is there but did not load. It needs libX11.so.6 and libXext.so.6 (Ubuntu, Debian: apt-get install",
      'libx11-6 libxext6). VK_LOADER_DEBUG=error,warn run.sh shows what the Vulkan loader says.',
    ];
  return [
    'Vulkan finds no driver for the GPU, or this user may not open its device. AMD, Intel: install mesa-vulkan-drivers, and',
    'join the group render. VK_LOADER_DEBUG=error,warn run.sh shows what the Vulkan loader says.',
  ];
}

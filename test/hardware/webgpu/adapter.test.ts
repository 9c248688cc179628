/** What adapters are called and taken for, by what Dawn and browsers say of them. */
import { describe, expect, it } from 'vitest';
import { adoptDevice } from '../../../src/hardware/webgpu/adapter.js';

const open = (vendor: string, architecture: string, device: string, description: string) =>
  adoptDevice({ features: new Set(), adapterInfo: { vendor, architecture, device, description } } as never);

describe('adapters', () => {
  it.each([
    // Dawn in Node, on Vulkan: the card's name in `device`, the driver's in `description`.
    [
      'nvidia',
      'hopper',
      'nvidia-h100-pcie',
      'NVIDIA: 550.54.14 550.54.14',
      'nvidia-h100-pcie, NVIDIA: 550.54.14 550.54.14',
    ],
    [
      'google',
      'swiftshader',
      'swiftshader-device-subzero-',
      'SwiftShader driver 5.0.0',
      'swiftshader-device-subzero, SwiftShader driver 5.0.0',
    ],
    // Chromium, Safari, and runtimes with numbers.
    ['nvidia', 'ada', '', '', 'nvidia ada'],
    ['apple', 'apple', 'apple', 'apple', 'apple'],
    ['4318', '', '9988', 'NVIDIA GeForce RTX 4080', 'NVIDIA GeForce RTX 4080'],
    ['', '', '', '', 'WebGPU adapter'],
  ])('%s, %s, %s, %s is named by its card and driver', (vendor, architecture, device, description, expected) => {
    expect(open(vendor, architecture, device, description).description).toBe(expected);
  });

  it.each([
    ['nvidia', 'hopper', 'nvidia-h100-pcie', 'NVIDIA: 550.54.14 550.54.14', 'server'],
    ['nvidia', '', 'nvidia-h200', 'NVIDIA: 580.159.04 580.159.4.0', 'server'],
    ['amd', 'cdna-3', 'amd-instinct-mi300x-radv-gfx942-', 'radv: Mesa 25.1.9', 'server'],
    ['nvidia', 'ada', 'nvidia-geforce-rtx-4070', 'NVIDIA: 550.54.14 550.54.14', 'discrete'],
    ['amd', 'rdna-3', 'amd-radeon-rx-7900-xtx-radv-navi31-', 'radv: Mesa 25.1.9', 'discrete'],
    ['amd', 'rdna-2', 'amd-radeon-graphics-radv-rembrandt-', 'radv: Mesa 25.1.9', 'integrated'],
    ['amd', 'rdna-3', 'amd-radeon-780m-graphics-radv-phoenix-', 'radv: Mesa 25.1.9', 'integrated'],
    ['amd', 'rdna-2', 'amd-radeon-tm-graphics', '24.3.1', 'integrated'],
    ['amd', '', '', 'AMD Radeon(TM) Graphics', 'integrated'],
    ['intel', 'xe-2hpg', 'intel-arc-tm-b580-graphics-bmg-g21-', 'Intel open-source Mesa driver', 'discrete'],
    ['intel', 'gen-12lp', 'intel-iris-xe-graphics', '', 'integrated'],
    ['microsoft', '', 'microsoft-basic-render-driver', 'D3D12 driver version 10.0', 'software'],
    ['mesa', 'llvmpipe', 'llvmpipe-llvm-17-0-6-256-bits-', 'llvmpipe: Mesa 24.0', 'software'],
  ])('%s, %s, %s, %s is %s', (vendor, architecture, device, description, expected) => {
    expect(open(vendor, architecture, device, description).adapterClass).toBe(expected);
  });
});

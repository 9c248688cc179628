import { expect, it } from 'vitest';
import { limitsOf } from '../../bench/frame/cards.ts';

it.each([
  ['nvidia-h200, NVIDIA: 570.86.15 570.86.15', 67, 4800],
  ['nvidia-h100-80gb-hbm3, NVIDIA: 550.54.14 550.54.14', 67, 3350],
  ['NVIDIA H100 PCIe', 51, 2000],
  ['nvidia-h100-nvl, NVIDIA: 550.54.14', undefined, 3930],
  ['nvidia-a100-sxm4-80gb, NVIDIA: 550.54.14', 19.5, 2039],
  ['nvidia-a100-80gb-pcie, NVIDIA: 550.54.14', 19.5, 1935],
  ['NVIDIA A100-PCIE-40GB', 19.5, 1555],
  ['nvidia-l4, NVIDIA: 550.54.14', 30.3, 300],
  ['nvidia-l40s, NVIDIA: 550.54.14', 91.6, 864],
  ['tesla-t4, NVIDIA: 550.54.14', 8.1, 320],
  ['nvidia-geforce-rtx-4090, NVIDIA: 550.54.14', 82.6, 1008],
])('%s has the limits of its data sheet', (description, tflops, gigabytes) => {
  expect(limitsOf(description)).toMatchObject({ gigabytes });
  expect(limitsOf(description)?.tflops).toBe(tflops);
});

it.each(['nvidia-geforce-rtx-4090-laptop-gpu', 'NVIDIA: 550.54.14 550.54.14', 'swiftshader-device-subzero'])(
  '%s is none of the cards',
  (description) => {
    expect(limitsOf(description)).toBeUndefined();
  },
);

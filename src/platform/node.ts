import { availableParallelism } from 'node:os';

/** Logical processors that this process may use. */
export const hardwareConcurrency = (): number => availableParallelism();

/** The entry to WebGPU: Dawn, from the optional npm package `webgpu`. `missing` says why there is none. */
export async function openGPU(): Promise<GPU | { missing: string }> {
  try {
    const { create } = await import('webgpu');
    return create([]);
  } catch (error) {
    return { missing: `the npm package 'webgpu' did not load (${error instanceof Error ? error.message : error})` };
  }
}

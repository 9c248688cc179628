/** WebGPU in Node: Dawn, from the optional npm package `webgpu`, and how to keep its drivers from writing to stderr. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

/**
 * The entry to WebGPU. `missing` says why there is none. `hardwareOnly` may leave software adapters out;
 * `experimental` offers features that are no part of WebGPU yet.
 */
export async function openGPU({ hardwareOnly = false, experimental = false } = {}): Promise<GPU | { missing: string }> {
  try {
    const { create } = await import('webgpu');
    // With quantization on, the profiler's times would be multiples of a tenth of a millisecond, as in pages.
    const gpu = create([
      'disable-dawn-features=timestamp_quantization',
      // Dawn leaves f16 out on NVIDIA's Vulkan drivers for failures in its conformance tests; on an H200 the products that
      // need it passed ours.
      ...(experimental ? ['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'] : []),
    ]);
    if (hardwareOnly && hasGPUDevice('/')) await findAdaptersButLlvmpipe(gpu);
    return gpu;
  } catch (error) {
    return { missing: `the npm package 'webgpu' did not load (${error instanceof Error ? error.message : error})` };
  }
}

/**
 * Dawn writes warnings about llvmpipe's limits ("artificially reduced") to stderr, even where another adapter is taken,
 * and has no option against them. The Vulkan loader (1.3.234 and later) can hide llvmpipe. Dawn asks the loader once
 * and keeps the answer, so the variable is set for the first request only.
 */
async function findAdaptersButLlvmpipe(gpu: GPU): Promise<void> {
  const name = 'VK_LOADER_DRIVERS_DISABLE';
  if (process.env[name] !== undefined) return;
  process.env[name] = '*lvp*';
  try {
    await gpu.requestAdapter();
  } finally {
    delete process.env[name];
  }
}

/**
 * Whether looking for a GPU can find one. 'auto' asks this first, because on a machine without a GPU Dawn and the
 * Vulkan loader write warnings to stderr that nothing turns off. Linux shows a GPU as a device file; drivers may also
 * be named in the environment.
 */
export const mayHaveGPU = (): boolean =>
  process.platform !== 'linux' ||
  ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].some((name) => namesDriver(process.env[name])) ||
  hasGPUDevice('/');

/** Whether a list of drivers, as the Vulkan loader takes it, has one whose library may be there. */
const namesDriver = (list = ''): boolean =>
  list.split(delimiter).some((path) => path !== '' && existsSync(path) && hasLibrary(path));

/** Whether a driver's file names a library that is there; a name without a folder is the system's to look for. */
function hasLibrary(path: string): boolean {
  try {
    const { ICD } = JSON.parse(readFileSync(path, 'utf8')) as { readonly ICD: { readonly library_path: string } };
    const { library_path: library } = ICD;
    return !library.includes('/') || existsSync(resolve(dirname(path), library));
  } catch {
    // A folder of drivers, or nothing that can be told here.
    return true;
  }
}

/** Whether Linux shows a GPU below `root`, the root of its file system. */
export function hasGPUDevice(root: string): boolean {
  const names = (folder: string) => {
    try {
      return readdirSync(join(root, folder));
    } catch {
      return [];
    }
  };
  return (
    names('dev/dri').some((name) => name.startsWith('renderD')) ||
    // The devices of NVIDIA, WSL and small boards.
    names('dev').some((name) => /^(nvidia|dxg$|nvhost|nvgpu|nvmap|mali|kgsl|pvr)/.test(name)) ||
    // NVIDIA's driver makes its devices when it is first used.
    ['etc', 'usr/share'].some((folder) => names(`${folder}/vulkan/icd.d`).some((name) => name.startsWith('nvidia')))
  );
}

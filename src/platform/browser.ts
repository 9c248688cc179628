/** Logical processors that this page may use. */
export const hardwareConcurrency = (): number => navigator.hardwareConcurrency;

/** The entry to WebGPU. `missing` says why there is none. */
export async function openGPU(): Promise<GPU | { missing: string }> {
  return navigator.gpu ?? { missing: 'this browser or page has no navigator.gpu (WebGPU needs a secure context)' };
}

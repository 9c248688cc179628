/**
 * Subgroup matrices: what an adapter multiplies at once, f16 operands summed in f32. Experimental in WebGPU: in Dawn
 * behind `allow_unsafe_apis`, in Chromium behind `--enable-unsafe-webgpu`; @webgpu/types does not know of them.
 */
export interface MatrixUnit {
  /** [m, k] times [k, n]. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Threads of a subgroup. */
  readonly subgroupSize: number;
}

/** What a device must be made with. */
export const matrixFeatures = [
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
] as readonly string[] as readonly GPUFeatureName[];

interface MatrixConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}
type MatrixInfo = GPUAdapterInfo & { readonly subgroupMatrixConfigs?: Iterable<MatrixConfig> };

/**
 * The first form that kernels/products/shared/gemmMatrices.wgsl can use, or why there is none. Drivers list their
 * preferred forms first.
 */
export function findMatrixUnit({
  features,
  info,
}: {
  readonly features: ReadonlySet<string>;
  readonly info: MatrixInfo | undefined;
}): MatrixUnit | { readonly missing: string } {
  const lacking = matrixFeatures.filter((name) => !features.has(name));
  if (lacking.length > 0) return { missing: `lacks ${lacking.join(' and ')}` };
  const { subgroupMinSize = 0, subgroupMaxSize = 0, subgroupMatrixConfigs = [] } = info ?? {};
  if (subgroupMinSize !== subgroupMaxSize || subgroupMaxSize < 1 || subgroupMaxSize > 64) {
    return {
      missing: `has subgroups of ${subgroupMinSize} to ${subgroupMaxSize} threads instead of one size up to 64`,
    };
  }
  const configs = [...subgroupMatrixConfigs];
  for (const { M: m, N: n, K: k, componentType, resultComponentType } of configs) {
    // Whole multiples fill the 64 x 32 elements of a subgroup and the 16 of a step; tiles are indexed by fours.
    const fits = 64 % m === 0 && m % 4 === 0 && 32 % n === 0 && n % 4 === 0 && 16 % k === 0;
    if (fits && componentType === 'f16' && resultComponentType === 'f32') {
      return { m, n, k, subgroupSize: subgroupMaxSize };
    }
  }
  const described = configs.map((c) => `${c.M}x${c.N}x${c.K} ${c.componentType} to ${c.resultComponentType}`);
  return { missing: `multiplies ${described.join(', ') || 'no matrices'} instead of f16 to f32 in parts of 64x32x16` };
}

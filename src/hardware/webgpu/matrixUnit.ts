/**
 * Subgroup matrices: what an adapter multiplies at once, f16 operands summed in f32. Experimental in WebGPU: in Dawn
 * behind `allow_unsafe_apis`, in Chromium behind `--enable-unsafe-webgpu`; @webgpu/types does not know of them.
 */
import type { MatrixUnit } from './facts.js';

const required = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
/** WGSL's `@subgroup_size`. Of the adapters with several sizes AMD's and Intel's have it, Apple's do not. */
const sizeControl = 'subgroup-size-control';

/** What a device must be made with. */
export const matrixFeatures = ({ pinned }: Pick<MatrixUnit, 'pinned'>): GPUFeatureName[] =>
  [...required, ...(pinned ? [sizeControl] : [])] as GPUFeatureName[];

/**
 * Sizes of a subgroup, the one to be asked for first. The matrices of AMD (RDNA 3, wave32) and Intel (Xe2, 16 to 32) are
 * for 32 threads.
 */
const sizes = [32, 64, 16, 8, 4] as const;
/** Subgroups of a workgroup in gemmMatrices.wgsl. */
const subgroups = 4;

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
  const lacking = required.filter((name) => !features.has(name));
  if (lacking.length > 0) return { missing: `lacks ${lacking.join(' and ')}` };
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0, subgroupMatrixConfigs = [] } = info ?? {};
  const pinned = least !== most;
  if (pinned && !features.has(sizeControl))
    return { missing: `has subgroups of ${least} to ${most} threads, and lacks ${sizeControl} to choose one size` };
  // A shader with matrices has a multiple of the largest subgroup's threads.
  const subgroupSize = sizes.find((size) => size >= least && size <= most && (subgroups * size) % most === 0);
  if (!subgroupSize) return { missing: `has subgroups of ${least} to ${most} threads instead of 4 to 64` };
  const configs = [...subgroupMatrixConfigs];
  for (const { M: m, N: n, K: k, componentType, resultComponentType } of configs) {
    // Whole multiples fill the 64 x 32 elements of a subgroup and the 16 of a step; tiles are indexed by fours.
    const fits = 64 % m === 0 && m % 4 === 0 && 32 % n === 0 && n % 4 === 0 && 16 % k === 0;
    if (fits && componentType === 'f16' && resultComponentType === 'f32') {
      return { m, n, k, subgroupSize, pinned };
    }
  }
  const described = configs.map((c) => `${c.M}x${c.N}x${c.K} ${c.componentType} to ${c.resultComponentType}`);
  return { missing: `multiplies ${described.join(', ') || 'no matrices'} instead of f16 to f32 in parts of 64x32x16` };
}

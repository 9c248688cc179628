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
/** Subgroups of a workgroup in kernels/products/shared/gemmMatrices.wgsl. */
const subgroups = 8;
/** Its tile of c, in matrices of the unit. */
const matricesDown = 8;
const matricesAcross = 8;
/** Bytes of its workgroup memory: two tiles of f16, two steps deep, rows padded by 8 elements; a matrix of f32 a subgroup. */
const memoryOf = ({ M: m, N: n, K: k }: MatrixConfig) =>
  2 * matricesDown * m * (2 * k + 8) +
  2 * Math.max(matricesAcross * n * (2 * k + 8), 2 * k * (matricesAcross * n + 8)) +
  4 * subgroups * m * n;

/** Rows and columns of the tile of c that a workgroup owns. */
export const matrixTile = ({
  m,
  n,
}: Pick<MatrixUnit, 'm' | 'n'>): { readonly rows: number; readonly cols: number } => ({
  rows: matricesDown * m,
  cols: matricesAcross * n,
});

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
  limits,
}: {
  readonly features: ReadonlySet<string>;
  readonly info: MatrixInfo | undefined;
  readonly limits: Pick<GPUSupportedLimits, 'maxComputeWorkgroupStorageSize' | 'maxComputeInvocationsPerWorkgroup'>;
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
  const { maxComputeWorkgroupStorageSize: memory, maxComputeInvocationsPerWorkgroup: threads } = limits;
  if (subgroups * subgroupSize > threads)
    return { missing: `allows workgroups of ${threads} threads instead of ${subgroups * subgroupSize}` };
  const usable = configs.filter(
    ({ M, N, K, componentType, resultComponentType }) =>
      // Tiles are indexed by fours.
      M % 4 === 0 && N % 4 === 0 && K % 4 === 0 && componentType === 'f16' && resultComponentType === 'f32',
  );
  const fitting = usable.find((config) => memoryOf(config) <= memory);
  if (fitting) return { m: fitting.M, n: fitting.N, k: fitting.K, subgroupSize, pinned };
  if (usable.length > 0)
    return { missing: `allows ${memory} bytes of workgroup memory instead of ${Math.min(...usable.map(memoryOf))}` };
  const described = configs.map((c) => `${c.M}x${c.N}x${c.K} ${c.componentType} to ${c.resultComponentType}`);
  return { missing: `multiplies ${described.join(', ') || 'no matrices'} instead of f16 to f32` };
}

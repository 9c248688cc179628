/**
 * What is said of adapters without the types of WebGPU itself: whoever uses the package need have neither these nor
 * those of the DOM, which they are made of.
 */

/** Which adapter is taken, and with which limits. */
export interface AdapterOptions {
  /** Take a software adapter (SwiftShader, llvmpipe, WARP) when there is no hardware. Default false. */
  readonly allowSoftware?: boolean;
  /** 'adapter' (default) asks for the adapter's own, larger limits; 'default' for no more than WebGPU guarantees. */
  readonly limits?: 'default' | 'adapter';
  /** Where there are several GPUs: 'high-performance' (default) or 'low-power'. */
  readonly powerPreference?: 'high-performance' | 'low-power';
  /**
   * Products of more than 8 rows with f16 weights run on the GPU's matrix units, through WebGPU's experimental subgroup
   * matrices: the other operand is rounded to f16 as well (beyond 65504, to that), sums stay f32. For forward
   * passes: of gradients through such weights, what is below 6e-8 vanishes. Default false. Chromium needs
   * `--enable-unsafe-webgpu`.
   * @internal not documented until GPUs have been measured
   */
  readonly subgroupMatrices?: boolean;
}

/** What kind of hardware an adapter is: shaders take other sizes on each. */
export type AdapterClass = 'server' | 'discrete' | 'integrated' | 'software';

/** What an adapter multiplies at once: see matrixUnit.ts. */
export interface MatrixUnit {
  /** [m, k] times [k, n]. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Threads of a subgroup. */
  readonly subgroupSize: number;
  /** The adapter has subgroups of several sizes, of which the shader asks for this one. */
  readonly pinned: boolean;
}

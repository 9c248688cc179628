/** The device that computes on a GPU, as measurements of it see it. */
import type { DeviceError } from '../../errors.js';
import type { MatrixUnit } from '../../hardware/webgpu/facts.js';
import type { AdoptingDevice } from '../recovery.js';
import type { GemmRates, GemmVariant } from './products/variants.js';

/** How matrix products choose their variant. */
export interface GemmSettings {
  /** Key of the adapter's measured rates. */
  readonly adapter: string;
  rates: GemmRates;
  /** The device's subgroup matrices, where it was opened for them: products with f16 weights take them. */
  readonly matrixUnit: MatrixUnit | undefined;
  /** Tests and measurements run this variant at every shape of more than 8 rows. */
  forced: GemmVariant | undefined;
}

/** Submissions, dispatches and bind groups so far, and the buffers of the pool. */
interface Counts {
  readonly submissions: number;
  readonly dispatches: number;
  readonly bindGroups: number;
  /** Buffers that were made. */
  readonly created: number;
  /** Those of them that wait to be used again. */
  readonly idle: number;
}

/** The device that computes on a GPU, as benchmarks see it.
@internal */
export interface WebGPUDevice extends AdoptingDevice {
  readonly gemm: GemmSettings;
  /** Submissions, dispatches and bind groups so far, and the buffers of the pool. */
  counts(): Counts;
  /** Why the device was lost. Waits a moment for a loss that is about to be told; undefined where there is none. */
  whyLost(): Promise<DeviceError | undefined>;
}

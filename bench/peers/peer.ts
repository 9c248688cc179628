import type { Assets, Size } from '../benchmarks/benchmark.ts';
import type { Measurement } from '../measure.ts';

export interface PeerSetting {
  readonly threads: number;
  readonly size: Size;
  readonly assets: Assets;
}

/** A benchmark of another package. Runs in Node and in a worker of a page: imports nothing of Node. */
export type Peer = (setting: PeerSetting) => AsyncIterable<Measurement>;

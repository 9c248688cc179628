import type { Ort } from 'onnxruntime-common';
import type { Assets, Size } from './benchmark.ts';
import type { Measurement } from './measure.ts';

export interface PeerSetting {
  readonly threads: number;
  readonly size: Size;
  readonly assets: Assets;
  /** Where the WASM files of an npm package are: a folder with a slash at its end, or in a page its URL. */
  readonly wasmFolder: (packageName: string) => string;
}

/** A benchmark of another package. Runs in Node and in a worker of a page: imports nothing of Node. */
export type Peer = (setting: PeerSetting) => AsyncIterable<Measurement>;

/** The same for onnxruntime: native ('cpu', in Node) or in WebAssembly. */
export type OrtPeer = (ort: Ort, provider: 'cpu' | 'wasm', setting: PeerSetting) => AsyncIterable<Measurement>;

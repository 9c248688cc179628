/** One peer in this process, for run.ts: `node bench/runner/peer.ts --benchmark gemm --peer onnxruntime-web --threads 2`. */
import type { Size } from '../frame/benchmark.ts';
import { nodeAssets, packages } from '../peers/installed.ts';
import { loadPeer } from '../peers.ts';
import { argument, print } from './commandLine.ts';

const peer = await loadPeer(argument('benchmark', ''), argument('peer', ''), 'node');
const setting = {
  threads: Number(argument('threads', '2')),
  size: argument('size', 'full') as Size,
  assets: nodeAssets,
  wasmFolder: (name: string) => `${packages}${name}/dist/`,
};
for await (const measurement of peer(setting)) print(measurement);
// Some keep threads that would hold the process.
process.exit(0);

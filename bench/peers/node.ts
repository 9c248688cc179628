/** One peer in this process, for run.ts: `node bench/peers/node.ts --benchmark gemm --peer onnxruntime-web --threads 2`. */
import { fileURLToPath } from 'node:url';
import type { Ort } from 'onnxruntime-common';
import type { Size } from '../benchmarks/benchmark.ts';
import { argument, print } from '../commandLine.ts';
import { nodeAssets } from '../peerPackages.ts';
import { attentionOrt } from './attentionOrt.ts';
import { decodeOrt } from './decodeOrt.ts';
import { divergenceOrt } from './divergenceOrt.ts';
import type { Peer, PeerSetting } from './peer.ts';

const tfjsFolder = fileURLToPath(new URL('./node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url));
type OrtPeer = (ort: Ort, provider: 'cpu' | 'wasm', setting: PeerSetting) => ReturnType<Peer>;
const native = (peer: OrtPeer) => async (): Promise<Peer> => {
  const ort = await import('onnxruntime-node');
  return (setting) => peer(ort, 'cpu', setting);
};
const inWasm = (peer: OrtPeer) => async (): Promise<Peer> => {
  const ort = await import('onnxruntime-web');
  return (setting) => peer(ort, 'wasm', setting);
};
/** Each is loaded only where it is asked for. */
const peers: Readonly<Record<string, () => Promise<Peer>>> = {
  'gemm onnxruntime-web': async () => (await import('./gemmOrt.ts')).gemmOrt,
  'gemm tfjs-backend-wasm': async () => {
    const { gemmTfjs } = await import('./gemmTfjs.ts');
    return (setting) => gemmTfjs(setting, tfjsFolder);
  },
  'attention onnxruntime-node': native(attentionOrt),
  'attention onnxruntime-web': inWasm(attentionOrt),
  'decode onnxruntime-node': native(decodeOrt),
  'decode onnxruntime-web': inWasm(decodeOrt),
  'divergence onnxruntime-node': native(divergenceOrt),
  'divergence onnxruntime-web': inWasm(divergenceOrt),
  'gemm jax-js': async () => (await import('./jax.ts')).gemmJax,
  'divergence jax-js': async () => (await import('./jax.ts')).divergenceJax,
  'linearDivergence jax-js': async () => (await import('./jax.ts')).linearDivergenceJax,
  'trainingStep jax-js': async () => (await import('./trainingStepJax.ts')).trainingStepJax,
  'tokenizer gpt-tokenizer': async () => (await import('./tokenizers.ts')).gptTokenizer,
  'tokenizer tiktoken': async () => (await import('./tokenizers.ts')).tiktoken,
  'tokenizer @huggingface/tokenizers': async () => (await import('./tokenizers.ts')).huggingFaceTokenizers,
};

const load = peers[`${argument('benchmark', '')} ${argument('peer', '')}`];
if (!load) throw new Error(`--benchmark and --peer are one of: ${Object.keys(peers).join(', ')}`);
const peer = await load();
const setting = {
  threads: Number(argument('threads', '2')),
  size: argument('size', 'full') as Size,
  assets: nodeAssets,
};
for await (const measurement of peer(setting)) print(measurement);
// Some keep threads that would hold the process.
process.exit(0);

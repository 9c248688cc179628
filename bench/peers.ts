import type { BenchmarkName } from './benchmarks.ts';
import type { OrtPeer, Peer } from './frame/peer.ts';

/** What can run a peer: a Node process (runner/peer.ts), a worker of the page (page/worker.ts). */
export type Place = 'node' | 'page';

/** Another package that runs one of our benchmarks. */
interface PeerBenchmark {
  /** Its package, as the tables call it. */
  readonly name: string;
  readonly benchmark: BenchmarkName;
  readonly in: readonly Place[];
  /** Packages are loaded only where they are asked for: they may not be installed, or not run in this place. */
  readonly load: () => Promise<Peer>;
}

const both: readonly Place[] = ['node', 'page'];

/** onnxruntime, native. */
const ortNode = (benchmark: BenchmarkName, load: () => Promise<OrtPeer>): PeerBenchmark => ({
  name: 'onnxruntime-node',
  benchmark,
  in: ['node'],
  async load() {
    const [ort, peer] = [await import('onnxruntime-node'), await load()];
    return (setting) => peer(ort, 'cpu', setting);
  },
});

/** onnxruntime in WebAssembly. */
const ortWeb = (benchmark: BenchmarkName, load: () => Promise<OrtPeer>): PeerBenchmark => ({
  name: 'onnxruntime-web',
  benchmark,
  in: both,
  async load() {
    const [ort, peer] = [await import('onnxruntime-web'), await load()];
    return (setting) => {
      ort.env.wasm.wasmPaths = setting.wasmFolder('onnxruntime-web');
      return peer(ort, 'wasm', setting);
    };
  },
});

const jax = (benchmark: BenchmarkName, load: () => Promise<Peer>): PeerBenchmark => ({
  name: 'jax-js',
  benchmark,
  in: both,
  load,
});

const attentionOrt = async () => (await import('./attention/ort.ts')).attentionOrt;
const divergenceOrt = async () => (await import('./divergence/ort.ts')).divergenceOrt;
const decodeOrt = async () => (await import('./decode/ort.ts')).decodeOrt;

/** Every peer of every benchmark, once. */
export const peers: readonly PeerBenchmark[] = [
  ortWeb('gemm', async () => (await import('./gemm/ort.ts')).gemmOrt),
  {
    name: 'tfjs-backend-wasm',
    benchmark: 'gemm',
    in: both,
    load: async () => (await import('./gemm/tfjs.ts')).gemmTfjs,
  },
  jax('gemm', async () => (await import('./gemm/jax.ts')).gemmJax),
  ortNode('attention', attentionOrt),
  ortWeb('attention', attentionOrt),
  ortNode('divergence', divergenceOrt),
  ortWeb('divergence', divergenceOrt),
  jax('divergence', async () => (await import('./divergence/jax.ts')).divergenceJax),
  jax('linearDivergence', async () => (await import('./linear-divergence/jax.ts')).linearDivergenceJax),
  jax('trainingStep', async () => (await import('./training-step/jax.ts')).trainingStepJax),
  ortNode('decode', decodeOrt),
  ortWeb('decode', decodeOrt),
  {
    name: 'node-llama-cpp',
    benchmark: 'decodeSmolLM2',
    in: ['node'],
    load: async () => (await import('./decode/llamaCpp.ts')).decodeLlamaCpp,
  },
  {
    name: 'gpt-tokenizer',
    benchmark: 'tokenizer',
    in: both,
    load: async () => (await import('./tokenizer/peers.ts')).gptTokenizer,
  },
  {
    name: 'tiktoken',
    benchmark: 'tokenizer',
    in: ['node'],
    load: async () => (await import('./tokenizer/peers.ts')).tiktoken,
  },
  {
    name: '@huggingface/tokenizers',
    benchmark: 'tokenizer',
    in: both,
    load: async () => (await import('./tokenizer/peers.ts')).huggingFaceTokenizers,
  },
  {
    name: '@huggingface/tokenizers',
    benchmark: 'tokenizerTypes',
    in: ['node'],
    load: async () => (await import('./tokenizer/peers.ts')).huggingFaceTypes,
  },
];

/** The names of a benchmark's peers that run in this place, in the order of the tables. */
export const peersOf = (benchmark: BenchmarkName, place: Place): readonly string[] =>
  peers.filter((peer) => peer.benchmark === benchmark && peer.in.includes(place)).map(({ name }) => name);

/** @throws Error when the registry has no such peer for this place */
export function loadPeer(benchmark: string, name: string, place: Place): Promise<Peer> {
  const found = peers.find((peer) => peer.benchmark === benchmark && peer.name === name && peer.in.includes(place));
  if (found) return found.load();
  const known = peers.filter((peer) => peer.in.includes(place)).map((peer) => `${peer.benchmark} ${peer.name}`);
  throw new Error(`${place}: '${name}' has no benchmark '${benchmark}'. There are: ${known.join(', ')}`);
}

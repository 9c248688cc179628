/** Runs one benchmark of another package in a worker of the page; bench/page/build.ts bundles this where they are installed. */
import * as ort from 'onnxruntime-web';
import { answerRequests } from '../page/answerRequests.ts';
import { attentionOrt } from './attentionOrt.ts';
import { decodeOrt } from './decodeOrt.ts';
import { divergenceOrt } from './divergenceOrt.ts';
import { gemmOrt } from './gemmOrt.ts';
import { gemmTfjs } from './gemmTfjs.ts';
import { divergenceJax, gemmJax, linearDivergenceJax } from './jax.ts';
import type { Peer } from './peer.ts';
import { gptTokenizer, huggingFaceTokenizers } from './tokenizers.ts';
import { trainingStepJax } from './trainingStepJax.ts';

const folder = new URL('./', self.location.href).href;
ort.env.wasm.wasmPaths = folder;

const peers: Readonly<Record<string, Peer>> = {
  'gemm onnxruntime-web': gemmOrt,
  'gemm tfjs-backend-wasm': (setting) => gemmTfjs(setting, folder),
  'attention onnxruntime-web': (setting) => attentionOrt(ort, 'wasm', setting),
  'divergence onnxruntime-web': (setting) => divergenceOrt(ort, 'wasm', setting),
  'decode onnxruntime-web': (setting) => decodeOrt(ort, 'wasm', setting),
  'gemm jax-js': gemmJax,
  'divergence jax-js': divergenceJax,
  'linearDivergence jax-js': linearDivergenceJax,
  'trainingStep jax-js': trainingStepJax,
  'tokenizer gpt-tokenizer': gptTokenizer,
  'tokenizer @huggingface/tokenizers': huggingFaceTokenizers,
};

answerRequests(async function* (
  { benchmark, size, device, threads = navigator.hardwareConcurrency },
  assets,
  onDevice,
) {
  const name = typeof device === 'string' ? device : device.peer;
  const peer = peers[`${benchmark} ${name}`];
  if (!peer) throw new Error(`${name} has no ${benchmark} benchmark in a page`);
  const used = benchmark === 'tokenizer' || !crossOriginIsolated ? 1 : threads;
  onDevice(`${name}, ${used} thread${used > 1 ? 's' : ''}`);
  yield* peer({ threads: used, size, assets });
});

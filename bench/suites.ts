import type { BenchmarkName } from './benchmarks.ts';
import { browserSuites } from './browserSuites.ts';
import type { Suite, Variant } from './frame/suite.ts';

const vectors = { '256-bit': ['--experimental-wasm-revectorize'], '128-bit': [] } as const;

/** A benchmark of ours on WASM with fused arithmetic, in a process of its own. */
const distillm = (benchmark: BenchmarkName, threads: number, width: keyof typeof vectors = '256-bit'): Variant => ({
  name: `distillm, ${threadsOf(threads)}, ${width}`,
  script: 'runner/node.ts',
  flags: vectors[width],
  args: ['--benchmark', benchmark, '--threads', `${threads}`],
});

/** The same with plain arithmetic. */
const plain = (variant: Variant): Variant => ({
  ...variant,
  name: `${variant.name}, plain arithmetic`,
  args: [...(variant.args ?? []), '--arithmetic', 'plain'],
});

/** A benchmark of ours on the machine's GPU, where it has one. */
const onWebGPU = (benchmark: BenchmarkName, name = 'distillm, WebGPU'): Variant => ({
  name,
  script: 'runner/node.ts',
  args: ['--benchmark', benchmark, '--device', 'webgpu'],
});

/** On whatever adapter there is. */
const onAnyWebGPU = (benchmark: BenchmarkName, name: string, ...more: string[]): Variant => ({
  name,
  script: 'runner/node.ts',
  args: ['--benchmark', benchmark, '--device', 'webgpu', '--allow-software', ...more],
});

/** The same of another package; bench/peers.ts has them all. */
const peer = (benchmark: BenchmarkName, name: string, threads?: number): Variant => ({
  name: threads ? `${name}, ${threadsOf(threads)}` : name,
  script: 'runner/peer.ts',
  args: ['--benchmark', benchmark, '--peer', name, ...(threads ? ['--threads', `${threads}`] : [])],
});

/** With V8's 256-bit packing. */
const wide = (variant: Variant): Variant => ({
  ...variant,
  name: `${variant.name}, 256-bit`,
  flags: vectors['256-bit'],
});

/** The same in PyTorch, by the script of a suite's folder. */
const pytorch = (folder: string, threads: number, ...more: string[]): Variant => ({
  name: `PyTorch, ${threadsOf(threads)}`,
  script: `${folder}/pytorch.py`,
  args: ['--threads', `${threads}`, ...more],
});

/** As it runs on a processor without AVX-512, which has vectors as wide as ours: by the switches of PyTorch, MKL and oneDNN. */
const heldToAVX2 = (variant: Variant): Variant => ({
  ...variant,
  name: `${variant.name}, held to AVX2`,
  env: { ATEN_CPU_CAPABILITY: 'avx2', MKL_ENABLE_INSTRUCTIONS: 'AVX2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
});

const threadsOf = (threads: number) => `${threads} thread${threads > 1 ? 's' : ''}`;

/** Results that pack/report.ts brings from a GPU archive, in the order of its parts. */
export const packedSuites = [
  'gpu-adapter',
  'gpu-correctness',
  'gpu-products',
  'gpu-attention',
  'gpu-divergence',
  'gpu-linear-divergence',
  'gpu-training-step',
  'gpu-decode',
  'gpu-time',
  'gpu-recording',
  'gpu-memory',
] as const;

export const suites: readonly Suite[] = [
  {
    name: 'gemm',
    about: 'c = a b, f32, GFLOP/s (more is better)',
    variants: [
      distillm('gemm', 2),
      distillm('gemm', 1),
      plain(distillm('gemm', 2)),
      plain(distillm('gemm', 1)),
      distillm('gemm', 2, '128-bit'),
      distillm('gemm', 1, '128-bit'),
      onWebGPU('gemm'),
      peer('gemm', 'onnxruntime-web', 2),
      peer('gemm', 'onnxruntime-web', 1),
      // In Node it takes one thread. It alone gains by wider vectors.
      peer('gemm', 'tfjs-backend-wasm', 1),
      wide(peer('gemm', 'tfjs-backend-wasm', 1)),
      peer('gemm', 'jax-js', 1),
      pytorch('gemm', 2),
      pytorch('gemm', 1),
      heldToAVX2(pytorch('gemm', 2)),
    ],
  },
  {
    name: 'gemm-stored',
    about:
      'c = a b[n, k]^T, b held in f32, f16, int8 or int4, GFLOP/s (more is better): the LM head, and a layer of a teacher',
    variants: [
      distillm('gemmStored', 2),
      distillm('gemmStored', 1),
      distillm('gemmStored', 2, '128-bit'),
      onWebGPU('gemmStored'),
    ],
  },
  {
    name: 'gemm-webgpu',
    about:
      'matrix products on WebGPU with weights in f32, f16, int8 and int4, GFLOP/s (more is better): as chosen for the shape, then ' +
      'with each tile; f16 on matrix units as well, where the adapter has subgroup matrices. Many calls are timed together. ' +
      'On a software adapter shapes are at a sixteenth',
    variants: [
      onAnyWebGPU('gemmVariants', 'distillm'),
      onAnyWebGPU('gemmVariants', 'distillm, subgroup matrices', '--subgroup-matrices'),
    ],
  },
  {
    name: 'attention',
    about:
      'GPT-2 small (batch 8, 12 heads of 64, 512 positions), f32, GFLOP/s of the pairs that are seen, forward 4 and forward ' +
      'with backward 14 operations a dim (more is better); PyTorch: scaled_dot_product_attention',
    variants: [
      distillm('attention', 2),
      distillm('attention', 1),
      distillm('attention', 2, '128-bit'),
      onWebGPU('attention'),
      // Forward alone: they have no gradients.
      peer('attention', 'onnxruntime-node', 2),
      peer('attention', 'onnxruntime-web', 2),
      pytorch('attention', 2),
      pytorch('attention', 1),
    ],
  },
  {
    name: 'divergence',
    about: 'skew KL forward and gradient from logits [512, 50257], ms (less is better)',
    variants: [
      distillm('divergence', 2),
      plain(distillm('divergence', 2)),
      distillm('divergence', 2, '128-bit'),
      distillm('divergence', 1),
      onWebGPU('divergence'),
      // A graph of their operators: they have no such loss.
      peer('divergence', 'onnxruntime-node', 2),
      peer('divergence', 'onnxruntime-web', 2),
      peer('divergence', 'jax-js', 1),
      pytorch('divergence', 2),
    ],
  },
  {
    name: 'linear-divergence',
    about:
      'skew KL from hidden states and LM heads, forward and gradients of student hidden states and head: seconds and MB ' +
      '(less is better). Unfused: both logits are materialised. Extra memory is what was live at the peak beyond inputs ' +
      'and the two gradients; for the process, ru_maxrss beyond what was resident before the first call',
    variants: [
      distillm('linearDivergence', 2),
      { ...distillm('linearDivergenceUnfused', 2), name: 'distillm unfused, 2 threads, 256-bit' },
      distillm('linearDivergence', 1),
      distillm('linearDivergence', 2, '128-bit'),
      onWebGPU('linearDivergence'),
      onWebGPU('linearDivergenceUnfused', 'distillm unfused, WebGPU'),
      peer('linearDivergence', 'jax-js', 1),
      { name: 'PyTorch unfused, 2 threads', script: 'linear-divergence/pytorch.py' },
      {
        name: 'PyTorch in chunks of 128 rows, 2 threads',
        script: 'linear-divergence/pytorch.py',
        args: ['--chunk', '128'],
      },
    ],
  },
  {
    name: 'training-step',
    about:
      'student 4 x 256, teacher 8 x 512, vocabulary 4096, batch 8 x 128, skew KL, AdamW: tokens/s (more is better)',
    variants: [
      distillm('trainingStep', 2),
      distillm('trainingStep', 2, '128-bit'),
      distillm('trainingStep', 1),
      onWebGPU('trainingStep'),
      peer('trainingStep', 'jax-js', 1),
      pytorch('training-step', 2),
      heldToAVX2(pytorch('training-step', 2)),
    ],
  },
  {
    name: 'training-step-llama',
    about:
      'LLaMA models of 10 million weights, teacher and student: 6 layers of 384 with 2 key heads for 6, vocabulary 4096, ' +
      'batch 8 x 128, skew KL, AdamW: tokens/s (more is better)',
    variants: [
      distillm('trainingStepLlama', 2),
      distillm('trainingStepLlama', 1),
      onWebGPU('trainingStepLlama'),
      pytorch('training-step', 2, '--family', 'llama'),
      heldToAVX2(pytorch('training-step', 2, '--family', 'llama')),
    ],
  },
  {
    name: 'training-step-t5',
    about:
      'T5 models of 10 million weights, teacher and student: 5 blocks of 256 in the encoder and in the decoder, vocabulary ' +
      '4096, batch 8 x 128, half of it prompts, skew KL, AdamW: tokens/s of prompts and answers (more is better)',
    variants: [
      distillm('trainingStepT5', 2),
      distillm('trainingStepT5', 1),
      onWebGPU('trainingStepT5'),
      pytorch('training-step', 2, '--family', 't5'),
      pytorch('training-step', 1, '--family', 't5'),
    ],
  },
  {
    name: 'training-step-lora',
    about:
      "SmolLM2-135M's shapes in f32 with random weights, adapters of rank 16 beside all linear layers but the head, batch 4 x " +
      '256, cross-entropy, AdamW: tokens/s (more is better); PyTorch: peft',
    variants: [
      distillm('trainingStepLora', 2),
      distillm('trainingStepLora', 2, '128-bit'),
      onWebGPU('trainingStepLora'),
      { ...pytorch('training-step', 2), script: 'training-step/pytorch_lora.py' },
    ],
  },
  {
    name: 'training-step-recording',
    about:
      'what a training step hands to a WebGPU device and how long JavaScript needs for it: all layers (teacher 8, student 4), ' +
      'but widths 32 and 16, vocabulary 512, batch 2 x 16. Idle: on an adapter that does nothing, so that nothing takes the ' +
      'processor from JavaScript. On a software adapter, too, which does take it: neither says anything by its tokens/s',
    variants: [
      {
        name: 'distillm, idle adapter',
        script: 'runner/node.ts',
        args: ['--benchmark', 'trainingStepRecording', '--device', 'webgpu', '--idle-adapter'],
      },
      {
        name: 'distillm',
        script: 'runner/node.ts',
        args: ['--benchmark', 'trainingStepRecording', '--device', 'webgpu', '--allow-software'],
      },
    ],
  },
  {
    name: 'decode',
    about:
      'generation with a KV cache, prompts of 48 tokens, random weights, f32, no EOS: tokens/s of all rows together after ' +
      'the first token (more is better), and ms to the first token (less is better)',
    variants: [
      distillm('decode', 2),
      onWebGPU('decode'),
      peer('decode', 'onnxruntime-node', 2),
      peer('decode', 'onnxruntime-web', 2),
      pytorch('decode', 2),
    ],
  },
  {
    name: 'decode-smollm2',
    about:
      'the same for the shapes of SmolLM2-135M, in 16, 8 and 4 bits: f16, int8 and int4 beside F16, Q8_0 and Q4_0 of ' +
      "llama.cpp, whose embedding and head, the same matrix, have 8 bits in Q4_0. llama.cpp's products round the other side " +
      'to f16 or 8 bits',
    variants: [
      distillm('decodeSmolLM2', 2),
      distillm('decodeSmolLM2', 2, '128-bit'),
      onWebGPU('decodeSmolLM2'),
      peer('decodeSmolLM2', 'node-llama-cpp', 2),
    ],
  },
  {
    name: 'tokenizer',
    about: 'GPT-2 vocabulary, 1 MB of English, MB/s (more is better)',
    variants: [
      { ...distillm('tokenizer', 1, '128-bit'), name: 'distillm' },
      peer('tokenizer', 'gpt-tokenizer'),
      peer('tokenizer', 'tiktoken'),
      peer('tokenizer', '@huggingface/tokenizers'),
    ],
  },
  {
    name: 'tokenizer-types',
    about:
      'each kind of tokenizer, first call on 1 MB of English and of a hundred languages, MB/s (more is better); Unigram has ' +
      '8,000 pieces, trained here',
    variants: [
      { ...distillm('tokenizerTypes', 1, '128-bit'), name: 'distillm' },
      peer('tokenizerTypes', '@huggingface/tokenizers'),
    ],
  },
  ...browserSuites,
];

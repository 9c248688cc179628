/** What `npm run bench` runs: each variant is a process of its own, so that V8 flags and peers do not mix. */
export interface Variant {
  readonly name: string;
  /** Script under bench/, or a Python script (skipped where Python or its packages are missing). */
  readonly script: string;
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
}
export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The first variant is what the ratios are taken against. */
  readonly variants: readonly Variant[];
}

const revectorize = ['--experimental-wasm-revectorize'];

export const suites: readonly Suite[] = [
  {
    name: 'gemm',
    about: 'c = a b, f32, GFLOP/s (more is better)',
    variants: [
      { name: 'distillm, 2 threads, 256-bit', script: 'gemm.ts', flags: revectorize, args: ['--threads', '2'] },
      { name: 'distillm, 1 thread, 256-bit', script: 'gemm.ts', flags: revectorize, args: ['--threads', '1'] },
      { name: 'distillm, 2 threads, plain', script: 'gemm.ts', args: ['--threads', '2'] },
      { name: 'distillm, 1 thread, plain', script: 'gemm.ts', args: ['--threads', '1'] },
      { name: 'onnxruntime-web, 2 threads', script: 'peers/gemm-ort.ts', args: ['--threads', '2'] },
      { name: 'onnxruntime-web, 1 thread', script: 'peers/gemm-ort.ts', args: ['--threads', '1'] },
      { name: 'tfjs-backend-wasm, 2 threads', script: 'peers/gemm-tfjs.ts' },
      { name: 'PyTorch, 2 threads', script: 'peers/gemm-torch.py', args: ['--threads', '2'] },
      { name: 'PyTorch, 1 thread', script: 'peers/gemm-torch.py', args: ['--threads', '1'] },
    ],
  },
  {
    name: 'divergence',
    about: 'skew KL forward and gradient from logits [512, 50257], ms (less is better)',
    variants: [
      { name: 'distillm, 2 threads, 256-bit', script: 'divergence.ts', flags: revectorize, args: ['--threads', '2'] },
      { name: 'distillm, 2 threads, plain', script: 'divergence.ts', args: ['--threads', '2'] },
      { name: 'distillm, 1 thread, 256-bit', script: 'divergence.ts', flags: revectorize, args: ['--threads', '1'] },
      { name: 'PyTorch, 2 threads', script: 'peers/divergence-torch.py', args: ['--threads', '2'] },
    ],
  },
  {
    name: 'training-step',
    about:
      'student 4 x 256, teacher 8 x 512, vocabulary 4096, batch 8 x 128, skew KL, AdamW: tokens/s (more is better)',
    variants: [
      { name: 'distillm, 2 threads, 256-bit', script: 'trainingStep.ts', flags: revectorize, args: ['--threads', '2'] },
      { name: 'distillm, 2 threads, plain', script: 'trainingStep.ts', args: ['--threads', '2'] },
      { name: 'distillm, 1 thread, 256-bit', script: 'trainingStep.ts', flags: revectorize, args: ['--threads', '1'] },
      { name: 'PyTorch, 2 threads', script: 'peers/trainingStep-torch.py', args: ['--threads', '2'] },
    ],
  },
  {
    name: 'tokenizer',
    about: 'GPT-2 vocabulary, 1 MB of English, MB/s (more is better)',
    variants: [
      { name: 'distillm', script: 'tokenizer.ts' },
      { name: 'gpt-tokenizer', script: 'peers/tokenizers.ts', args: ['--peer', 'gpt-tokenizer'] },
      { name: 'tiktoken', script: 'peers/tokenizers.ts', args: ['--peer', 'tiktoken'] },
      { name: '@huggingface/tokenizers', script: 'peers/tokenizers.ts', args: ['--peer', 'huggingface'] },
    ],
  },
];

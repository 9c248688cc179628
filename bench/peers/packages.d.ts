/**
 * What the benchmarks use of the packages in package.json, for type checks where they are not installed: `npm ci` leaves them
 * to `npm run bench`.
 */

declare module 'onnxruntime-common' {
  export interface Tensor {
    readonly data: Float32Array | BigInt64Array | Int32Array;
  }
  export interface InferenceSession {
    run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
    release(): Promise<void>;
  }
  export interface SessionOptions {
    readonly executionProviders: readonly ('cpu' | 'wasm')[];
    readonly intraOpNumThreads?: number;
    readonly graphOptimizationLevel?: 'all';
  }
  /** What onnxruntime-node and onnxruntime-web have alike. */
  export interface Ort {
    readonly env: { readonly wasm: { numThreads?: number; wasmPaths?: string } };
    readonly InferenceSession: { create(model: Uint8Array, options: SessionOptions): Promise<InferenceSession> };
    readonly Tensor: new (
      type: 'float32' | 'int64' | 'int32',
      data: Float32Array | BigInt64Array | Int32Array,
      dims: readonly number[],
    ) => Tensor;
  }
}

declare module 'onnxruntime-web' {
  import type { Ort } from 'onnxruntime-common';

  export const env: Ort['env'];
  export const InferenceSession: Ort['InferenceSession'];
  export const Tensor: Ort['Tensor'];
}

declare module 'onnxruntime-node' {
  export { env, InferenceSession, Tensor } from 'onnxruntime-web';
}

declare module '@tensorflow/tfjs-backend-wasm' {
  export function setThreadsCount(threads: number): void;
  export function setWasmPaths(folder: string): void;
}

declare module '@tensorflow/tfjs-core' {
  export interface Tensor2D {
    dataSync(): Float32Array;
    dispose(): void;
  }
  export function setBackend(name: 'wasm'): Promise<boolean>;
  export function tensor2d(values: Float32Array, shape: readonly [number, number]): Tensor2D;
  export function matMul(a: Tensor2D, b: Tensor2D, aTransposed: boolean, bTransposed: boolean): Tensor2D;
  export function dispose(tensors: readonly Tensor2D[]): void;
}

declare module 'gpt-tokenizer/encoding/r50k_base' {
  export function encode(text: string): number[];
  export function clearMergeCache(): void;
}

declare module 'tiktoken' {
  export function get_encoding(name: 'gpt2'): { encode(text: string): Uint32Array };
}

declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    constructor(tokenizer: unknown, config: object);
    encode(text: string, options?: { add_special_tokens?: boolean }): { readonly ids: number[] };
  }
}

declare module '@jax-js/jax' {
  export interface Array {
    /** The same array for one more use: a use is the end of it otherwise. */
    readonly ref: Array;
    readonly shape: readonly number[];
    add(other: Array | number): Array;
    div(other: Array): Array;
    mul(other: Array | number): Array;
    reshape(shape: readonly number[]): Array;
    slice(range: readonly [number, number]): Array;
    sub(other: Array): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  /** Resolves with its argument once all arrays in it are computed. No use of them. */
  export function blockUntilReady<T>(of: T): Promise<T>;
  export function init(device: 'wasm'): Promise<unknown>;
  export function defaultDevice(device: 'wasm'): unknown;
  export function jit<A extends readonly unknown[], R>(work: (...args: A) => R): (...args: A) => R;
  export function valueAndGrad<T, A extends readonly unknown[]>(
    work: (of: T, ...args: A) => Array,
  ): (of: T, ...args: A) => [value: Array, gradient: T];
  export function valueAndGrad<A extends readonly Array[]>(
    work: (...arrays: A) => Array,
    options: { readonly argnums: readonly number[] },
  ): (...arrays: A) => [value: Array, gradients: readonly Array[]];
  /** Nested objects of arrays. */
  export const tree: {
    leaves(of: object): Array[];
    ref<T>(of: T): T;
    structure<T>(of: T): Structure<T>;
    unflatten<T>(structure: Structure<T>, leaves: readonly Array[]): T;
  };
  interface Structure<T> {
    readonly of: T;
  }
  export const nn: {
    dotProductAttention(q: Array, k: Array, v: Array, options: { readonly isCausal: boolean }): Array;
    gelu(x: Array, options: { readonly approximate: boolean }): Array;
    logSoftmax(x: Array, axis: number): Array;
    standardize(x: Array): Array;
  };
  export const numpy: {
    readonly int32: 'int32';
    array(
      values: Float32Array | Int32Array | number,
      options?: { readonly shape: readonly number[]; readonly dtype?: 'int32' },
    ): Array;
    exp(x: Array): Array;
    logaddexp(x: Array, y: Array): Array;
    matmul(x: Array, y: Array): Array;
    minimum(x: Array, y: Array): Array;
    reciprocal(x: Array): Array;
    split(x: Array, parts: number, axis: number): Array[];
    sqrt(x: Array): Array;
    square(x: Array): Array;
    sum(x: Array): Array;
    take(x: Array, indices: Array, axis: number): Array;
    tile(x: Array, times: readonly number[]): Array;
    transpose(x: Array): Array;
    zerosLike(x: Array): Array;
  };
}

declare module 'node-llama-cpp' {
  export interface LlamaContextSequence {
    clearHistory(): Promise<void>;
    evaluate(
      tokens: readonly number[],
      options: { readonly temperature: number; readonly yieldEogToken: boolean },
    ): AsyncGenerator<number>;
  }
  interface LlamaContext {
    getSequence(): LlamaContextSequence;
    dispose(): Promise<void>;
  }
  interface LlamaModel {
    createContext(options: {
      readonly sequences: number;
      readonly contextSize: number;
      readonly threads: number;
    }): Promise<LlamaContext>;
    dispose(): Promise<void>;
  }
  export function getLlama(options: {
    readonly gpu: false;
    readonly build: 'never';
    readonly maxThreads: number;
    readonly logLevel: 'error';
  }): Promise<{ loadModel(options: { readonly modelPath: string }): Promise<LlamaModel> }>;
}

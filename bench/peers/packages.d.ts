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
    encode(text: string): { readonly ids: number[] };
  }
}

declare module '@jax-js/jax' {
  export interface Array {
    /** The same array for one more use: a use is the end of it otherwise. */
    readonly ref: Array;
    add(other: number): Array;
    mul(other: Array | number): Array;
    sub(other: Array): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export function init(device: 'wasm'): Promise<unknown>;
  export function defaultDevice(device: 'wasm'): unknown;
  export function jit<A extends readonly Array[], R>(work: (...arrays: A) => R): (...arrays: A) => R;
  export function valueAndGrad<A extends readonly Array[]>(
    work: (...arrays: A) => Array,
  ): (...arrays: A) => [value: Array, gradient: Array];
  export function valueAndGrad<A extends readonly Array[]>(
    work: (...arrays: A) => Array,
    options: { readonly argnums: readonly number[] },
  ): (...arrays: A) => [value: Array, gradients: readonly Array[]];
  export const nn: { logSoftmax(x: Array, axis: number): Array };
  export const numpy: {
    array(values: Float32Array, options: { readonly shape: readonly number[] }): Array;
    exp(x: Array): Array;
    logaddexp(x: Array, y: Array): Array;
    matmul(x: Array, y: Array): Array;
    sum(x: Array): Array;
    transpose(x: Array): Array;
  };
}

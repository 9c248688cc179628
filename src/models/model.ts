import type { Device } from '../backend/backend.js';
import type { TokenBatch } from '../data/batch.js';
import type { LayerCache, Tensor, Weight } from '../tensor/index.js';

/** Keys and values of every layer, for decoding token by token. */
export interface KVCache {
  readonly layers: readonly LayerCache[];
  /** Positions that fit. */
  readonly capacity: number;
  /** Positions filled so far; the model's forward pass advances it. */
  past: number;
  dispose(): void;
}

export interface ForwardOptions {
  /** Decoding: `batch` continues what the cache holds. `keyRange` then counts from the cache's first position. */
  readonly cache?: KVCache;
  /** Training: switches the config's dropout on; the masks are a function of this seed. */
  readonly dropoutSeed?: number;
}

/** A decoder-only language model of any family. */
export interface LanguageModel {
  /** `model_type` of config.json. */
  readonly family: string;
  readonly device: Device;
  /** The fields of config.json as they were read, for saving. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  /** Longest sequence in tokens. */
  readonly maxPositions: number;
  /** What is held as f32 tensors, trained or frozen, by checkpoint names; tied ones once. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** The matrices by checkpoint names, in the format in which they are held. The values of f32 ones are in `parameters` too. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** LM head, [vocabSize, hiddenSize]; the token embedding itself where they are tied. */
  readonly head: Weight;
  /**
   * Final hidden states (after the last norm), [batch, seq, hiddenSize]. Feed them and `head` to a loss or to
   * `headLogits`. Call it inside `tidy`.
   * @throws LimitError when a row has more tokens than the model has positions, or the cache is full
   */
  forward(batch: TokenBatch, options?: ForwardOptions): Tensor;
  /** @throws LimitError when it does not fit the device. */
  createCache(batch: number, capacity: number): KVCache;
  /** Marks all parameters as trained (or not): only then do they get gradients. */
  setTrainable(trainable: boolean): void;
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * One run of a batch through a model's blocks: what all blocks share (positions, key range, cache, seed of dropout), how their
 * memory is freed, and whether they are computed again for the backward pass.
 */
import type { Device } from '../backend/backend.js';
import type { TokenBatch } from '../data/batch.js';
import { mixSeed } from '../random.js';
import {
  type AttentionOptions,
  activeTape,
  attention,
  checkpointed,
  dropout,
  type LayerCache,
  type Projections,
  Tensor,
  tidy,
} from '../tensor/index.js';
import type { KVCache } from './kvCache.js';
import type { ForwardOptions } from './model.js';

/**
 * The places of a layer that drop out, each with masks of its own. A mask is named by seed, layer and place, so that a block
 * that is computed again draws the same ones.
 */
const places = { embedding: 0, attention: 1, attended: 2, mlp: 3 } as const;
export type DropoutPlace = keyof typeof places;

/** What a block attends by. What is left out is what the whole pass has: causal, over its own tokens and its cache. */
export interface AttendOptions extends Partial<Omit<AttentionOptions, 'dropout' | 'cache'>> {
  readonly numHeads: number;
  /** Probability of dropping an attention weight, while training. 0 by default. */
  readonly dropout?: number;
  /** Another cache than the pass has for this layer. */
  readonly cache?: LayerCache | undefined;
}

/** What depends on the layer. */
export interface LayerPass {
  attend(projections: Projections, options: AttendOptions): Tensor;
  /** Dropout, active in training only. */
  drop(place: DropoutPlace, x: Tensor, probability: number): Tensor;
}

export interface ForwardPass {
  readonly batch: TokenBatch;
  /** [batch, seq] */
  readonly shape: readonly [number, number];
  /** i32 [batch, 2]: where the keys of each row are, see `AttentionOptions`. */
  readonly keyRange: Tensor;
  /** What comes before the first layer. When nothing is recorded, its intermediate tensors are freed on return. */
  begin(part: (layer: LayerPass) => Tensor): Tensor;
  /** Runs a layer on x, the output of what came before; frees x as well when nothing is recorded. */
  layer(x: Tensor, index: number, block: (x: Tensor, layer: LayerPass) => Tensor): Tensor;
}

export function startPass(
  batch: TokenBatch,
  {
    device,
    trained,
    causal = true,
    cache,
    dropoutSeed,
    gradientCheckpointing = false,
  }: ForwardOptions & {
    readonly device: Device;
    /** Whether any parameter gets a gradient. */
    readonly trained: boolean;
    /** Whether tokens see those before them only; true by default. */
    readonly causal?: boolean;
    readonly cache?: KVCache | undefined;
  },
): ForwardPass {
  const recorded = activeTape() !== undefined && trained;
  const keyRange = Tensor.from(device, batch.keyRange, [batch.batch, 2], 'keyRange');
  const past = cache?.past ?? 0;

  const layerPass = (index: number): LayerPass => {
    const dropAt = (place: DropoutPlace, probability: number) =>
      dropoutSeed === undefined || probability === 0
        ? undefined
        : { probability, seed: mixSeed(mixSeed(dropoutSeed, index), places[place]) };
    return {
      attend(projections, { dropout: probability = 0, cache: layerCache = cache?.layers[index], ...options }) {
        const dropped = dropAt('attention', probability);
        return attention(projections, {
          ...{ keyRange, causal, past },
          ...options,
          ...(layerCache && { cache: layerCache }),
          ...(dropped && { dropout: dropped }),
        });
      },
      drop(place, x, probability) {
        const dropped = dropAt(place, probability);
        return dropped ? dropout(x, dropped) : x;
      },
    };
  };

  return {
    batch,
    shape: [batch.batch, batch.seq],
    keyRange,
    begin(part) {
      const run = () => part(layerPass(-1));
      return recorded ? run() : tidy(run);
    },
    layer(x, index, block) {
      const run = (input: Tensor) => block(input, layerPass(index));
      if (recorded) return gradientCheckpointing ? checkpointed(x, run) : run(x);
      const y = tidy(() => run(x));
      x.dispose();
      return y;
    },
  };
}

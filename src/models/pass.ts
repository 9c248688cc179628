/**
 * One run of a batch through the layers of a model: what all layers share (key range, cache, seed of dropout), when
 * their intermediate tensors are freed, and whether they are computed again for the backward pass.
 */
import type { Device } from '../backend/backend.js';
import type { TokenBatch } from '../data/batch.js';
import { mixSeed, namedSeed } from '../random.js';
import {
  type AttentionOptions,
  activeTape,
  asRead,
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
 * Dropout at one place of a layer, active in training only. A mask is named by the pass's seed, the layer and the
 * place, so that a layer that is computed again draws the same masks. A family gives each place of a layer a name of
 * its own.
 */
export interface LayerDropout {
  readonly place: string;
  readonly probability: number;
}

/** Seed of the masks of the pass that runs now; undefined where nothing is dropped. */
let runningSeed: number | undefined;

/** Does part of a pass, whose parts drop out by themselves where there is a seed. */
export function underSeed<T>(seed: number | undefined, work: () => T): T {
  const outer = runningSeed;
  runningSeed = seed;
  try {
    return work();
  } finally {
    runningSeed = outer;
  }
}

/**
 * Dropout inside a part, which no layer asks for: that of an adapter. Its mask is named by the pass's seed and the part,
 * whose name tells its layer and its place there; a part computes once a pass.
 */
export const partDropout = (part: string, probability: number) =>
  runningSeed === undefined || probability === 0 ? undefined : { probability, seed: namedSeed(runningSeed, part) };

/** How a layer attends. By default it is causal, over the tokens of the pass and the pass's cache for this layer. */
export interface AttendOptions extends Partial<Omit<AttentionOptions, 'dropout' | 'cache'>> {
  readonly numHeads: number;
  /** Of attention weights. None by default. */
  readonly dropout?: LayerDropout;
  /** Instead of the pass's cache: that of an encoder's keys and values, for instance. */
  readonly cache?: LayerCache | undefined;
}

/** What a layer calls. */
export interface LayerPass {
  attend(projections: Projections, options: AttendOptions): Tensor;
  /** Dropout at a place of the layer, active in training only. */
  drop(x: Tensor, place: string, probability: number): Tensor;
}

export interface ForwardPass {
  readonly batch: TokenBatch;
  /** [batch, seq] */
  readonly shape: readonly [number, number];
  /** i32 [batch, 2]: where the keys of each row are, see `AttentionOptions`. */
  readonly keyRange: Tensor;
  /** Positions that the cache holds before the batch. */
  readonly past: number;
  /** Computes the first layer's input. When nothing is recorded, intermediate tensors are freed on return. */
  begin(embed: (layer: LayerPass) => Tensor): Tensor;
  /**
   * Runs a layer. When nothing is recorded, x and the layer's intermediate tensors are freed on return.
   * @param reads what the layer reads of other tensors that are no parameters, and gives gradients to
   */
  layer<Reads extends readonly Tensor[]>(
    x: Tensor,
    index: number,
    block: (x: Tensor, layer: LayerPass, ...reads: Reads) => Tensor,
    ...reads: Reads
  ): Tensor;
}

export function startPass(
  batch: TokenBatch,
  {
    device,
    trained,
    cache,
    dropoutSeed,
    gradientCheckpointing = false,
  }: ForwardOptions & {
    readonly device: Device;
    /** Whether any parameter gets a gradient. */
    readonly trained: boolean;
    readonly cache?: KVCache | undefined;
  },
): ForwardPass {
  const recorded = activeTape() !== undefined && trained;
  const keyRange = Tensor.from(device, batch.keyRange, [batch.batch, 2], 'keyRange');
  const past = cache?.past ?? 0;

  const layerPass = (index: number): LayerPass => {
    const seeded = ({ place, probability }: LayerDropout) =>
      dropoutSeed === undefined || probability === 0
        ? undefined
        : { probability, seed: namedSeed(mixSeed(dropoutSeed, index), place) };
    return {
      attend(projections, { dropout: place, cache: layerCache = cache?.layers[index], ...options }) {
        const dropped = place && seeded(place);
        return attention(projections, {
          ...{ keyRange, causal: true, past },
          ...options,
          ...(layerCache && { cache: layerCache }),
          ...(dropped && { dropout: dropped }),
        });
      },
      drop(x, place, probability) {
        const dropped = seeded({ place, probability });
        return dropped ? dropout(x, dropped) : x;
      },
    };
  };

  return {
    batch,
    shape: [batch.batch, batch.seq],
    keyRange,
    past,
    begin(embed) {
      const run = () => embed(layerPass(-1));
      return recorded ? run() : tidy(run);
    },
    layer<Reads extends readonly Tensor[]>(
      x: Tensor,
      index: number,
      block: (x: Tensor, layer: LayerPass, ...reads: Reads) => Tensor,
      ...reads: Reads
    ) {
      // A layer that is computed again is so after its pass has ended.
      const run = (input: Tensor, ...read: Reads) =>
        underSeed(dropoutSeed, () => block(input, layerPass(index), ...read));
      if (recorded && gradientCheckpointing) return checkpointed(x, run, ...reads);
      if (recorded) return run(x, ...(reads.map(asRead) as unknown as Reads));
      const y = tidy(() => run(x, ...reads));
      x.dispose();
      return y;
    },
  };
}

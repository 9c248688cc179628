import type { TokenBatch } from '../data/batch.js';
import { type AttentionOptions, attention, dropout, type Projections, Tensor, tidy } from '../tensor/index.js';
import { activeTape } from '../tensor/tape.js';
import type { ModelParts } from './family.js';
import type { ForwardOptions } from './model.js';
import { mixSeed } from './random.js';

/** How a block attends: the rest is the same in every block of a pass. */
export interface SelfAttention extends Pick<AttentionOptions, 'numHeads' | 'numKvHeads'> {
  /** Index of the block, for its part of the cache. */
  readonly layer: number;
  /** Probability of dropping an attention weight, while training. */
  readonly dropout: number;
}

/** One run of a batch through a decoder's blocks. */
export interface ForwardPass {
  /** Does a part of the model. Without gradients, its intermediates go as soon as it is done. */
  run(part: () => Tensor): Tensor;
  /** The same from the output of the part before, which goes too. */
  next(x: Tensor, part: (x: Tensor) => Tensor): Tensor;
  /** Causal attention of the batch to itself and to what the cache holds. */
  attend(projections: Projections, options: SelfAttention): Tensor;
  /** x, of which a share goes while training: each place that drops has a mask of its own. */
  drop(x: Tensor, probability: number): Tensor;
}

export function startPass(
  { device, parameters }: ModelParts,
  batch: TokenBatch,
  { cache, dropoutSeed }: ForwardOptions,
): ForwardPass {
  const recorded = activeTape() && [...parameters.values()].some(({ requiresGrad }) => requiresGrad);
  const run = (part: () => Tensor) => (recorded ? part() : tidy(part));
  const keyRange = Tensor.from(device, batch.keyRange, [batch.batch, 2], 'keyRange');
  const past = cache?.past ?? 0;
  let place = 0;
  const dropAt = (probability: number) =>
    dropoutSeed === undefined || probability === 0 ? undefined : { probability, seed: mixSeed(dropoutSeed, place++) };
  return {
    run,
    next(x, part) {
      const y = run(() => part(x));
      if (!recorded) x.dispose();
      return y;
    },
    attend(projections, { layer, dropout: probability, ...heads }) {
      const layerCache = cache?.layers[layer];
      const dropped = dropAt(probability);
      return attention(projections, {
        ...heads,
        ...{ keyRange, causal: true, past },
        ...(layerCache && { cache: layerCache }),
        ...(dropped && { dropout: dropped }),
      });
    },
    drop(x, probability) {
      const dropped = dropAt(probability);
      return dropped ? dropout(x, dropped) : x;
    },
  };
}

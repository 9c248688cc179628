/** AdamW with gradient clipping, all on the device: a step reads nothing back. */
import * as z from 'zod';
import { DisposedError, OptionError } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { checkOption, checkOptions, option, ranges } from '../settings/index.js';
import { clearGradients, flat, run, Tensor } from '../tensor/index.js';
import { decayGroupings, decays } from './decayGroups.js';

const { shareBelow1, positiveF32, notNegative, zeroOrF32 } = ranges;

export const adamWOptions = z.strictObject({
  betas: option(
    z.tuple([shareBelow1, shareBelow1], 'two numbers of at least 0 and below 1').readonly().default([0.9, 0.999]),
    'decay of the first and of the second moment',
    { unit: 'two numbers' },
  ),
  eps: option(positiveF32.default(1e-8), 'added to the root of the second moment'),
  weightDecay: option(notNegative.default(0.01), 'decoupled weight decay: each step multiplies by 1 - lr * this'),
  decayGrouping: option(
    ranges.choice(decayGroupings).default('matrices'),
    "what decays, all matrices or DistiLLM's choice by name",
  ),
  clipGradNorm: option(zeroOrF32.default(1), 'gradients are scaled down to this global L2 norm; 0 is off'),
});
/** How AdamW updates. */
export type AdamWOptions = Readonly<z.input<typeof adamWOptions>>;

/** What a resumed run needs of one parameter: read the tensors to store them, `set` them to continue. */
export interface Moments {
  /** Decayed mean of the gradients, in the parameter's shape. */
  readonly m: Tensor;
  /** Decayed mean of their squares, in the parameter's shape. */
  readonly v: Tensor;
  /** Updates so far, for the bias correction. */
  steps: number;
}

/** The optimizer of one model. It holds memory until `dispose`. */
export interface AdamW {
  /**
   * Clips the gradients that the parameters have gathered, updates the parameters and sets the gradients to zero.
   * Nothing is read back. Parameters without a gradient stay as they are, as in PyTorch.
   * Several backward passes before one step add up: divide each loss by the size of the whole batch.
   * @param lr learning rate of this step.
   * @returns [1], the global gradient norm before clipping, on the device. Dispose of it, or call inside `tidy`.
   */
  step(lr: number): Tensor;
  /**
   * The first half of a step: what the gradients amount to, so that a caller may look before anything is updated.
   * @returns two tensors on the device, of which the caller disposes
   */
  measure(): {
    /** The global norm before clipping, a tensor [1]. */
    readonly norm: Tensor;
    /** What clipping multiplies the gradients by, a tensor [1]. */
    readonly scale: Tensor;
  };
  /** The second half: updates the parameters by the gradients times `scale`, and sets the gradients to zero. */
  update(lr: number, scale: Tensor): void;
  /** In place of an update: sets the gradients to zero. Parameters, moments and their counts stay. */
  skip(): void;
  /** The state by checkpoint name: the optimizer's own, not a copy. */
  readonly moments: ReadonlyMap<string, Moments>;
  /** Frees the moments; the parameters are the caller's. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

interface Slot extends Moments {
  readonly parameter: Tensor;
  readonly weightDecay: number;
}

/**
 * AdamW (Loshchilov & Hutter 2019) as PyTorch orders it, over the parameters that are trained (`requiresGrad`) now. Its
 * moments take twice the parameters' memory, on their device, from the start.
 * @example
 * using optimizer = createAdamW(student.parameters, { weightDecay: 0.01 });
 * optimizer.step(5e-4);
 * @throws OptionError, LimitError
 */
export function createAdamW(parameters: ReadonlyMap<string, Tensor>, options: AdamWOptions = {}): AdamW {
  requireOption('AdamW', 'parameters', parameters, parameters instanceof Map, "a model's parameters");
  const settings = checkOptions('AdamW', adamWOptions, options);
  const { eps, weightDecay, decayGrouping, clipGradNorm } = settings;
  const [beta1, beta2] = settings.betas;
  const trained = [...parameters].filter(([, parameter]) => parameter.requiresGrad);
  const device = trained[0]?.[1].device;
  if (!device) throw new OptionError('AdamW: no parameter is trained. Call model.setTrainable(true) first.');

  const owned: Tensor[] = [];
  const own = (shape: readonly number[], label: string) => {
    const tensor = Tensor.zeros(device, shape, 'f32', label);
    owned.push(tensor);
    return tensor;
  };
  let disposed = false;
  const dispose = () => {
    disposed = true;
    for (const tensor of owned) tensor.dispose();
  };

  const slots = new Map<string, Slot>();
  let squares: Tensor;
  try {
    for (const [name, parameter] of trained) {
      const m = own(parameter.shape, `adamW.m ${name}`);
      const v = own(parameter.shape, `adamW.v ${name}`);
      const decay = decays(name, parameter, decayGrouping) ? weightDecay : 0;
      slots.set(name, { parameter, m, v, weightDecay: decay, steps: 0 });
    }
    squares = own([slots.size], 'adamW.squares');
  } catch (error) {
    dispose();
    throw error;
  }

  const requireHeld = () => {
    if (disposed) throw new DisposedError('AdamW was used after it was disposed.');
  };

  function measure() {
    requireHeld();
    device!.clear(squares.storage);
    trained.forEach(([, { grad }], slot) => {
      if (grad) run(device!, 'sumSquares', { x: flat(grad), total: squares }, { slot, accumulate: 0 });
    });
    return run(device!, 'clipScale', { squares }, { maxNorm: clipGradNorm });
  }

  const skip = () => clearGradients(trained.map(([, parameter]) => parameter));

  function update(lr: number, scale: Tensor): void {
    requireHeld();
    checkOption('AdamW', 'lr', lr, notNegative);
    for (const slot of slots.values()) updateSlot(slot, scale, lr);
    skip();
  }

  function step(lr: number): Tensor {
    requireHeld();
    checkOption('AdamW', 'lr', lr, notNegative);
    const { norm, scale } = measure();
    update(lr, scale);
    scale.dispose();
    return norm;
  }

  function updateSlot(slot: Slot, scale: Tensor, lr: number): void {
    const { parameter, m, v } = slot;
    if (!parameter.grad) return;
    slot.steps++;
    run(
      device!,
      'adamW',
      { grad: flat(parameter.grad), scale, parameter: flat(parameter), m: flat(m), v: flat(v) },
      {
        lr,
        take1: 1 - beta1,
        take2: 1 - beta2,
        eps,
        decay: lr * slot.weightDecay,
        correction1: 1 - beta1 ** slot.steps,
        correction2: 1 - beta2 ** slot.steps,
      },
    );
  }

  return { step, measure, update, skip, moments: slots, dispose, [Symbol.dispose]: dispose };
}

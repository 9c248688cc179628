/** Reverse-mode differentiation. A tape records which outputs follow from which inputs, and walks back over them. */
import { flat, run } from './run.js';
import { keep } from './scope.js';
import { Tensor } from './tensor.js';

/** A buffer for a gradient. */
export interface GradientBuffer {
  /** What the kernel writes to. */
  readonly tensor: Tensor;
  /** 1: it holds a gradient already, to which the kernel must add. */
  readonly accumulate: 0 | 1;
}

/** Where an op's backward pass puts the gradients of its inputs. */
export interface Gradients {
  /** False when nobody needs this input's gradient: skip the work. */
  wants(input: Tensor): boolean;
  /**
   * Adds a gradient of the input's size. The tape keeps or frees it. The same tensor may be given to several inputs.
   */
  add(input: Tensor, gradient: Tensor): void;
  /** The buffer to write to, for kernels that can accumulate. */
  into(input: Tensor): GradientBuffer;
}
/** Turns the gradient of an output into those of its inputs. */
export type Backward = (dy: Tensor, gradients: Gradients) => void;

interface Entry {
  readonly output: Tensor;
  readonly backward: Backward;
}

/** The innermost tape that records. */
let active: Tape | undefined;

/** The tape that is recording, if any: ops that fuse a gradient into their forward pass ask it. */
export const activeTape = (): Tape | undefined => active;

/** Notes how to differentiate `output` with respect to `inputs`; returns `output`. Without a tape it does nothing. */
export function track(inputs: readonly Tensor[], output: Tensor, backward: Backward): Tensor {
  return active && inputs.some((input) => active?.wants(input)) ? active.note(output, backward) : output;
}

/**
 * Reverse-mode differentiation of one forward pass. Gradients of parameters (`requiresGrad`) add up in `tensor.grad`
 * until `clearGradients`. Gradients of intermediates live only while `backward` needs them. Use inside `tidy`.
 */
export class Tape implements Gradients {
  readonly #entries: Entry[] = [];
  readonly #tracked = new Set<Tensor>();
  readonly #gradients = new Map<Tensor, Tensor>();

  /** Runs `forward` and records the ops in it. A tape that was recording pauses meanwhile. */
  record<T>(forward: () => T): T {
    const outer = active;
    active = this;
    try {
      return forward();
    } finally {
      active = outer;
    }
  }

  /** Records that `backward` turns the gradient of `output` into those of its inputs; returns `output`. */
  note(output: Tensor, backward: Backward): Tensor {
    this.#tracked.add(output);
    this.#entries.push({ output, backward });
    return output;
  }

  wants(input: Tensor): boolean {
    return input.requiresGrad || this.#tracked.has(input);
  }

  add(input: Tensor, gradient: Tensor): void {
    if (!this.wants(input)) return;
    const existing = this.#find(input);
    if (!existing) this.#put(input, gradient.alias(input.shape));
    else if (existing.exclusive) {
      run(input.device, 'addInto', { x: flat(gradient), y: flat(existing) }, { scale: 1 });
    } else {
      const { y } = run(input.device, 'add', { a: flat(existing), b: flat(gradient) }, {}, { y: input.shape });
      this.#put(input, y);
    }
  }

  into(input: Tensor): GradientBuffer {
    const existing = this.#find(input);
    if (existing?.exclusive) return { tensor: existing, accumulate: 1 };
    const tensor = Tensor.empty(input.device, input.shape, 'f32', 'gradient');
    if (existing) input.device.copy(existing.storage, 0, tensor.storage, 0, 4 * input.size);
    this.#put(input, tensor);
    return { tensor, accumulate: existing ? 1 : 0 };
  }

  /**
   * Walks the ops back from everything that has a gradient. `output`, when given, starts with gradient `dy`;
   * without it, the losses recorded on the tape are the roots (see `linearDivergence`).
   */
  backward(output?: Tensor, dy?: Tensor): void {
    if (output && dy) this.add(output, dy);
    for (const entry of this.#entries.reverse()) {
      const gradient = this.#gradients.get(entry.output);
      if (!gradient) continue;
      entry.backward(gradient, this);
      this.#gradients.delete(entry.output);
      gradient.dispose();
    }
    this.#entries.length = 0;
    for (const gradient of this.#gradients.values()) gradient.dispose();
    this.#gradients.clear();
  }

  #find(input: Tensor): Tensor | undefined {
    return input.requiresGrad ? input.grad : this.#gradients.get(input);
  }

  #put(input: Tensor, gradient: Tensor): void {
    this.#find(input)?.dispose();
    if (input.requiresGrad) input.grad = keep(gradient);
    else this.#gradients.set(input, gradient);
  }
}

/**
 * Gives a gradient of zeros to each parameter that is trained and has none. Made one by one in a backward pass, gradients would
 * lie between the activations of that pass for as long as the model is trained, and divide the memory that later passes find.
 */
export function reserveGradients(parameters: Iterable<Tensor>): void {
  for (const parameter of parameters) {
    if (!parameter.requiresGrad || parameter.grad) continue;
    parameter.grad = keep(Tensor.zeros(parameter.device, parameter.shape, 'f32', 'gradient'));
  }
}

/** Frees the gradients of these parameters: the next backward pass makes new ones. */
export function disposeGradients(parameters: Iterable<Tensor>): void {
  for (const parameter of parameters) {
    parameter.grad?.dispose();
    parameter.grad = undefined;
  }
}

/** Sets the gradients of all parameters to zero, keeping their memory. */
export function clearGradients(parameters: Iterable<Tensor>): void {
  for (const { grad, device } of parameters) if (grad) device.clear(grad.storage);
}

import type { Tensor } from './tensor.js';

let current: Set<Tensor> | undefined;

/** Called by every new tensor: the innermost `tidy` will dispose of it. */
export function adopt(tensor: Tensor): void {
  current?.add(tensor);
}

/** Takes a tensor out of the running `tidy`: it now lives until it is disposed of. */
export function keep<T extends Tensor>(tensor: T): T {
  current?.delete(tensor);
  return tensor;
}

/**
 * Runs synchronous `work` and disposes of every tensor made in it, except those it returns (a tensor, an array or a
 * plain object of them), which pass to the enclosing `tidy`, if any.
 */
export function tidy<T>(work: () => T): T {
  const outer = current;
  const made = new Set<Tensor>();
  current = made;
  let kept: Set<unknown> = new Set();
  try {
    const result = work();
    const values =
      result !== null && typeof result === 'object' && !('device' in result) ? Object.values(result) : [result];
    kept = new Set<unknown>(values);
    return result;
  } finally {
    current = outer;
    for (const tensor of made) {
      if (!kept.has(tensor)) tensor.dispose();
      else outer?.add(tensor);
    }
  }
}

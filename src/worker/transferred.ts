/** Arguments whose buffers go to the worker without a copy. */
const marked = new WeakSet<object>();

/**
 * Marks an argument, so that its buffers are moved to the worker and not copied: typed arrays in it are empty in this thread
 * afterwards. For files of hundreds of megabytes; results of the worker are always moved.
 * @example
 * const store = await distillm.memoryStore(transferred({ 'model.safetensors': bytes }));
 */
export function transferred<T extends object>(argument: T): T {
  marked.add(argument);
  return argument;
}

export const isTransferred = (argument: unknown): boolean =>
  typeof argument === 'object' && argument !== null && marked.has(argument);

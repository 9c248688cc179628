/**
 * What a WebAssembly memory takes beside what is used of it: V8 reserves 10 GB of addresses for each, so that no access
 * need be checked. Batch systems limit a process's addresses (`ulimit -v`), and then there may be none for a memory.
 */
import { LimitError } from './errors.js';

/**
 * The error for a memory that the system refused.
 * @param what it is for: "a WASM device"
 */
export const noAddresses = (what: string, cause: unknown): LimitError =>
  new LimitError(
    `No WebAssembly memory for ${what}: the system gives no addresses. V8 reserves 10 GB for each memory, whatever is ` +
      'used of it, and one process needs two: for its WASM device, and for its tokenizers, samplers and replay buffers. ' +
      'Raise the limit of the address space, which batch systems set, to 26 GB at least (ulimit -v 26000000), or start ' +
      'Node with --disable-wasm-trap-handler, which reserves little and computes more slowly.',
    { cause },
  );

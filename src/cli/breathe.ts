import { setImmediate } from 'node:timers/promises';

/** Lets signals and output through: kernels on the CPU never wait, so without it the event loop would not turn. */
export const breathe = (): Promise<void> => setImmediate();

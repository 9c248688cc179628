import { availableParallelism } from 'node:os';

/** Logical processors that this process may use. */
export const hardwareConcurrency = (): number => availableParallelism();

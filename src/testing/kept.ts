/** What `distillm verify` found on adapters of this machine, kept in the user's cache, so that `doctor` knows of it. */
import { keepRecord, keptRecords } from '../platform/keptRecords.js';

const file = 'verified.json';

/** When a device was verified, and how many of its kernels were wrong. */
export interface KeptVerification {
  /** ISO date, UTC. */
  readonly date: string;
  /** Kernels that were wrong; 0 is a device that works. */
  readonly failed: number;
}

/** The last result for the device of this description (`device.info.description`), if there is one. */
export async function keptVerification(description: string): Promise<KeptVerification | undefined> {
  const { date, failed } = ((await keptRecords(file))[description] ?? {}) as Partial<KeptVerification>;
  return typeof date === 'string' && typeof failed === 'number' ? { date, failed } : undefined;
}

/** Keeps a result beside those of other devices. */
export async function keepVerification(description: string, found: KeptVerification): Promise<void> {
  await keepRecord(file, description, found);
}

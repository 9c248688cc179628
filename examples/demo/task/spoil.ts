import type { Rng } from 'distillm';
import { chance, pick } from './random.ts';
import type { TaskRecord } from './record.ts';

/** Spoils a share of the answers as crowd-written data is spoilt: another record's answer, or words left out. */
export function spoil(records: readonly TaskRecord[], share: number, rng: Rng): TaskRecord[] {
  return records.map((record) => {
    if (!chance(rng, share)) return record;
    if (chance(rng, 0.5)) return { ...record, output: pick(rng, records).output };
    const kept = record.output.split(' ').filter(() => chance(rng, 0.6));
    return { ...record, output: kept.join(' ') };
  });
}

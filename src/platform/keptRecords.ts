/**
 * Records by name in a file of the user's cache: measured rates by adapter, verifications by device. A file that was cut
 * or edited is as good as none: what it held can be found out again.
 */
import { keptTexts } from '#platform';

/** All records of a file, unchecked. */
export async function keptRecords(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const all: unknown = JSON.parse((await keptTexts.read(file)) ?? '{}');
    return typeof all === 'object' && all !== null ? (all as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Keeps a record beside those of other names. Returns where. */
export async function keepRecord(file: string, name: string, record: object): Promise<string> {
  return keptTexts.write(file, `${JSON.stringify({ ...(await keptRecords(file)), [name]: record }, null, 1)}\n`);
}

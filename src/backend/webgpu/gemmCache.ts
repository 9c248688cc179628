import { keptTexts } from '#platform';
import { type GemmRates, gemmTiles } from './gemmVariants.js';

/** Rates by adapter. */
const file = 'gemm-rates.json';

/** What was measured on this adapter once; undefined where nothing was, or nothing that can be used. */
export async function keptRates(adapter: string): Promise<GemmRates | undefined> {
  const found = (await readAll())[adapter];
  return isRates(found) ? found : undefined;
}

/** Keeps what was measured, with what is known of other adapters. Gives the place. */
export async function keepRates(adapter: string, rates: GemmRates): Promise<string> {
  return keptTexts.write(file, `${JSON.stringify({ ...(await readAll()), [adapter]: rates }, null, 1)}\n`);
}

/** A file that was cut or edited is as good as none. */
async function readAll(): Promise<Readonly<Record<string, unknown>>> {
  try {
    const all: unknown = JSON.parse((await keptTexts.read(file)) ?? '{}');
    return typeof all === 'object' && all !== null ? (all as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isRates(value: unknown): value is GemmRates {
  const { tiles, sum } = (value ?? {}) as Partial<GemmRates>;
  const numbers = Object.keys(gemmTiles).flatMap((tile) => {
    const rate = tiles?.[tile as keyof typeof gemmTiles];
    return [rate?.gflops, rate?.groups];
  });
  return [...numbers, sum?.gigabytes, sum?.microseconds].every((x) => typeof x === 'number' && x > 0 && x < Infinity);
}

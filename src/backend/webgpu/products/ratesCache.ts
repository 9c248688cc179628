/** Measured rates of matrix products, stored by adapter in the user's cache. */
import { fnv1a } from '../../../fnv1a.js';
import { keepRecord, keptRecords } from '../../../platform/keptRecords.js';
import { shaders } from '../shaders.js';
import { floatTiles, gemmTiles, type MeasuredRates } from './variants.js';

/** Rates by adapter. */
const file = 'gemm-rates.json';

/** Of the variants' code: other code has other rates. */
const code = JSON.stringify([gemmTiles, shaders.gemmNN4, shaders.gemmNN8, shaders.gemmNNMatrices]);
const shadersHash = fnv1a(new TextEncoder().encode(code)).toString(16);

/** The stored rates of this adapter; undefined when there are none that can be used. */
export async function keptRates(adapter: string): Promise<MeasuredRates | undefined> {
  const found = (await keptRecords(file))[adapter];
  return isRates(found) && found.shaders === shadersHash ? { tiles: found.tiles, sum: found.sum } : undefined;
}

/** Stores the rates of this adapter beside those of others. Returns where. */
export async function keepRates(adapter: string, rates: MeasuredRates): Promise<string> {
  return keepRecord(file, adapter, { ...rates, shaders: shadersHash });
}

function isRates(value: unknown): value is MeasuredRates & { readonly shaders?: string } {
  const { tiles, sum } = (value ?? {}) as Partial<MeasuredRates>;
  const rates = [...floatTiles.map((tile) => tiles?.[tile]), ...(tiles?.matrices ? [tiles.matrices] : [])];
  const numbers = rates.flatMap((rate) => [rate?.gflops, rate?.groups]);
  return [...numbers, sum?.gigabytes, sum?.microseconds].every((x) => typeof x === 'number' && x > 0 && x < Infinity);
}

/**
 * How memory is planned. Work is rehearsed on a meta device, which computes nothing and counts what the real one would
 * hold: the plan is what the code of the work asks for, of any model family and in any format, and no formula has to
 * keep up with it. Where a plan is beyond the limit, milder work is rehearsed, to say what would fit.
 */
import * as z from 'zod';
import type { Device, Storage } from '../backend/backend.js';
import { type FittingChange, formatBothBytes, formatBytes, LimitError } from '../errors.js';
import { checkOptions, ranges } from '../settings/index.js';
import { Tensor } from '../tensor/index.js';
import type { LanguageModel } from './model.js';

/** What plans of memory have in common. All sizes in bytes. */
export interface MemoryPlan {
  /** What else the device holds already. */
  readonly other: number;
  /** Working memory of kernels and threads, and what lies idle between storages. */
  readonly rest: number;
  /** The most at one time. */
  readonly total: number;
  /** What the device can hold, where that is known: the memory of WebAssembly. A GPU does not tell. */
  readonly limit?: number;
  /** Whether the total is within the limit, and each buffer and binding within those of a GPU's adapter. */
  readonly fits: boolean;
  /** Which buffer or binding is too large, as a sentence; absent where none is. */
  readonly tooLarge?: string;
  /** Where it does not fit: what would, the mildest change first. */
  readonly fitting: readonly FittingChange[];
}

/** The parts of a sum by the names that tables give them. */
const partNames: Readonly<Record<string, string>> = {
  weights: 'weights',
  teacher: "teacher's weights",
  student: "student's weights",
  gradients: 'gradients',
  moments: "AdamW's moments",
  activations: 'activations',
  logits: 'logits',
  caches: 'caches',
  answering: 'answering besides',
  rest: 'working memory',
  other: 'other on the device',
};

const bytes = ranges.notNegative.optional();
const planFields = z.strictObject({
  ...Object.fromEntries(Object.keys(partNames).map((name) => [name, bytes])),
  replay: bytes,
  total: ranges.notNegative,
  limit: bytes,
  fits: ranges.switched,
  tooLarge: ranges.text.optional(),
  fitting: z.array(z.object({ options: z.object({}).loose(), total: ranges.notNegative })),
});

/**
 * Goes on where a plan fits.
 * @example
 * requireMemory(await planGeneration(model, { promptLength: 100, maxNewTokens: 200, batchSize: 8 }));
 * @throws LimitError where it does not, with the sum as a table and what would fit; OptionError for what is no plan
 */
export function requireMemory(plan: MemoryPlan): void {
  checkOptions('requireMemory', planFields, plan);
  const { fits, total, limit, tooLarge, fitting } = plan;
  if (fits) return;
  const values = plan as unknown as Readonly<Record<string, number>>;
  const parts = Object.fromEntries(Object.keys(partNames).flatMap((name) => [[name, values[name] ?? 0]]));
  const [needed, allowed] = limit === undefined ? [formatBytes(total)] : formatBothBytes(total, limit);
  const row = (name: string, size: string) => `  ${name.padEnd(20)}${size.padStart(12)}`;
  const table = Object.entries(parts).filter(([, bytes]) => bytes > 0);
  throw new LimitError(
    [
      tooLarge === undefined || (limit !== undefined && total > limit)
        ? `memory: ${needed} are needed, the device has ${allowed}.`
        : `memory: ${tooLarge}`,
      ...table.map(([name, bytes]) => row(partNames[name] as string, formatBytes(bytes))),
      row('in all, at most', formatBytes(total)),
      fitting.length > 0 ? fittingWords(fitting) : 'No smaller batch or length is enough: take a smaller model.',
    ].join('\n'),
    { found: total, ...(limit !== undefined && { expected: limit }), parts, fitting },
  );
}

/** "What would fit: batchSize 4 with gradAccumulationSteps 2 (1.2 GiB); give dtype 'f16' (1.5 GiB)." */
export function fittingWords(changes: readonly FittingChange[]): string {
  const word = ([name, value]: readonly [string, string | number | boolean]) =>
    value === true ? `${name}: true` : typeof value === 'string' ? `give ${name} '${value}'` : `${name} ${value}`;
  const words = changes.map(({ options, total }) => {
    const each = Object.entries(options).map(word);
    return `${each.join(' with ')} (${formatBytes(total)})`;
  });
  return `What would fit: ${words.join('; ')}.`;
}

/**
 * What would fit of milder work.
 * @param kinds ways to make it milder, the mildest steps of each first
 * @param totalOf bytes of the work with such options; undefined where a buffer would be too large
 * @returns the first step of each way that fits; where none fits alone, as few ways together as do; none where all
 * together are too much
 */
export async function findFitting<O extends object>(
  kinds: readonly (readonly O[])[],
  totalOf: (options: Partial<O>) => Promise<number | undefined>,
  limit = Number.POSITIVE_INFINITY,
): Promise<FittingChange[]> {
  const firstOf = async (steps: readonly Partial<O>[]): Promise<FittingChange | undefined> => {
    for (const options of steps) {
      const total = await totalOf(options);
      if (total !== undefined && total <= limit) return { options: options as FittingChange['options'], total };
    }
    return undefined;
  };
  const alone: FittingChange[] = [];
  for (const steps of kinds) {
    const found = await firstOf(steps);
    if (found) alone.push(found);
  }
  if (alone.length > 0) return alone;
  let before: Partial<O> = {};
  for (const steps of kinds) {
    const found = await firstOf(steps.map((options) => ({ ...before, ...options })));
    if (found) return [found];
    before = { ...before, ...steps.at(-1) };
  }
  return [];
}

/** Steps of halving, from half of `from` down to `least`. */
export function halvings(from: number, least: number): number[] {
  const steps: number[] = [];
  for (let size = Math.floor(from / 2); size >= least; size = Math.floor(size / 2)) steps.push(size);
  return steps;
}

/** Deeper models are not rehearsed as they are. */
const DEEP = 48;
/** What is rehearsed instead has so many layers, and twice as many. */
const FEW = 6;

/**
 * The numbers of a rehearsal. Each further layer takes what the one before it took: a model of hundreds of layers is rehearsed
 * with few, and with twice as many.
 * @param models by names of the caller's; undefined where there is none
 * @param rehearse gets, by the same names, how many layers to take; those of models that it does not name are all
 */
export async function overDepths<Name extends string, Numbers extends Readonly<Record<string, number>>>(
  models: Readonly<Record<Name, LanguageModel | undefined>>,
  rehearse: (layers: Readonly<Partial<Record<Name, number>>>) => Promise<Numbers>,
): Promise<Numbers> {
  const deep = Object.entries<LanguageModel | undefined>(models).flatMap(([name, model]) => {
    if (!model || model.numLayers <= DEEP) return [];
    // A model of two stacks of different depths has no one number of layers.
    const isEven = (model.numEncoderLayers ?? model.numLayers) === model.numLayers;
    return isEven ? [{ name, depth: model.numLayers }] : [];
  });
  const few = Object.fromEntries(deep.map(({ name }) => [name, FEW])) as Partial<Record<Name, number>>;
  const least = await rehearse(few);
  const found: Record<string, number> = { ...least };
  for (const { name, depth } of deep) {
    const more = await rehearse({ ...few, [name]: 2 * FEW });
    for (const [part, bytes] of Object.entries(least)) {
      const each = ((more[part] as number) - bytes) / FEW;
      found[part] = Math.max(0, Math.ceil((found[part] as number) + each * (depth - FEW)));
    }
  }
  return found as Numbers;
}

/** A meta device on which work is rehearsed. */
export interface Rehearsal {
  readonly device: Device;
  /** Bytes of the storages that are there. */
  live(): number;
  /** The most bytes of storages at one time during some work. */
  peakOf(work: () => Promise<unknown>): Promise<number>;
  /** What the device would have had to hold so far, see `MemoryUse.reachedBytes`. */
  reached(): number;
}

/** A rehearsal for work on a device of this kind. */
export function startRehearsal(device: Device): Rehearsal {
  const meta = device.meta();
  const storages = new Set<Storage>();
  let live = 0;
  let peak = 0;
  return {
    device: {
      ...meta,
      allocate(byteLength, label) {
        const storage = meta.allocate(byteLength, label);
        storages.add(storage);
        live += byteLength;
        peak = Math.max(peak, live);
        return storage;
      },
      free(storage) {
        if (storages.delete(storage)) live -= storage.byteLength;
        meta.free(storage);
      },
    },
    live: () => live,
    async peakOf(work) {
      peak = live;
      await work();
      return peak;
    },
    reached: () => meta.memory().reachedBytes,
  };
}

/** Bytes of a model's weights, scales of int8 and int4 included. */
export function weightBytesOf({ parameters, weights }: LanguageModel): number {
  const parts = [...weights.values()].flatMap((weight) =>
    Object.values(weight).filter((part) => part instanceof Tensor),
  );
  return [...new Set([...parameters.values(), ...parts])].reduce((total, { storage }) => total + storage.byteLength, 0);
}

/** Bytes that a device holds besides these models. A meta device has no room to lose. */
export function otherBytes(device: Device, models: readonly LanguageModel[]): number {
  if (device.isMeta) return 0;
  const own = models.reduce((total, model) => total + weightBytesOf(model), 0);
  return Math.max(0, device.memory().liveBytes - own);
}

/** What a device can hold; undefined for GPUs, which do not tell. */
export const limitOf = ({ info: { kind, maxStorageBytes } }: Device): number | undefined =>
  kind === 'wasm' ? maxStorageBytes : undefined;

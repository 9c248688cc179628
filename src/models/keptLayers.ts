/**
 * Students made from teachers: some of a model's layers, with its embeddings, last norm and head, as small students are
 * made in practice (DistilBERT, Sanh et al. 2019, arXiv:1910.01108; Shleifer and Rush 2020, arXiv:2010.13002).
 */
import * as z from 'zod';
import { OptionError } from '../errors.js';
import { type ConfiguredFamily, configure } from './config.js';

/** So many of the layers, evenly spaced, the first and the last among them; or which ones, in ascending order. */
export type KeptLayers = number | readonly number[];

const ascending = (layers: readonly unknown[]): boolean =>
  layers.length > 0 &&
  layers.every(
    (layer, i) => Number.isSafeInteger(layer) && (layer as number) > (i === 0 ? -1 : (layers[i - 1] as number)),
  );
export const keptLayersOption = z.custom<KeptLayers>(
  (layers) => (Array.isArray(layers) ? ascending(layers) : Number.isSafeInteger(layers) && (layers as number) >= 1),
  'how many layers to keep, at least 1, or a list of their indices from 0 in ascending order',
);

/** A model of some layers of another one. */
interface Kept {
  readonly configured: ConfiguredFamily;
  /** The parameter of the whole model that a parameter of this one is taken from. */
  readonly sourceOf: (name: string) => string;
}

/**
 * What config.json says of layer by layer is said of the layers that are kept.
 * @param isThere whether the whole model has a parameter of this name
 * @throws OptionError when there are not so many layers, and where a layer would compute otherwise in its new place
 */
export function keepLayers(
  { family, fields, config }: ConfiguredFamily,
  layers: KeptLayers,
  where: string,
  isThere: (name: string) => boolean,
): Kept {
  const numberIn = (field: string) => (config as Readonly<Record<string, number>>)[field] as number;
  const layerFields = [family.layersField, ...Object.keys(family.otherStacks ?? {})];
  requireLayers(
    layers,
    layerFields.map((field) => [field, numberIn(field)]),
    where,
  );
  const [stack, ...others] = layerFields.map((field) => ({
    field,
    begins: family.otherStacks?.[field] ?? '',
    kept: indicesOf(layers, numberIn(field)),
  })) as [Stack, ...Stack[]];
  const { placeField } = family;
  if (placeField && Object(config)[placeField] && stack.kept.some((layer, i) => layer !== i)) {
    throw new OptionError(
      `${where}: ${placeField} is set: a layer that moves to another place would compute otherwise there. Keep the first ` +
        'layers, as in [0, 1, 2].',
      { option: 'layers', found: layers },
    );
  }
  const stackOf = (name: string) => others.find(({ begins }) => name.startsWith(begins)) ?? stack;
  const types = family.layerTypes?.(config);
  const lengths = Object.fromEntries([stack, ...others].map(({ field, kept }) => [field, kept.length]));
  const changed = {
    ...lengths,
    ...(types && { layer_types: stack.kept.map((layer) => types[layer]) }),
  };
  return {
    configured: configure(family, { ...fields, ...changed }, where),
    sourceOf(name) {
      const { kept } = stackOf(name);
      // The first number in a name is that of its layer.
      const source = name.replace(/(?<=\.)\d+(?=\.)/, (layer) => `${kept[Number(layer)]}`);
      // T5's first layer has the position bias of all: whichever layer is first now takes it.
      return isThere(source) ? source : name;
    },
  };
}

interface Stack {
  readonly field: string;
  /** How the names of its parameters begin. */
  readonly begins: string;
  readonly kept: readonly number[];
}

/**
 * The same layers are kept of each stack, so the shortest one decides.
 * @param stacks what config.json calls the number of layers of each, and the number
 * @throws OptionError when there are not so many layers
 */
function requireLayers(layers: KeptLayers, stacks: readonly (readonly [string, number])[], where: string): void {
  const most = typeof layers === 'number' ? layers : 1 + (layers.at(-1) as number);
  const total = Math.min(...stacks.map(([, number]) => number));
  if (most <= total) return;
  const found = typeof layers === 'number' ? `${layers} layers` : `layer ${most - 1}`;
  const names = stacks.filter(([, number]) => number < most).map(([field, number]) => `${field} is ${number}`);
  const possible = total === 1 ? 'layer 0' : `layers 0 to ${total - 1}`;
  const inEach = stacks.length > 1 ? ', the same of the encoder and of the decoder' : '';
  throw new OptionError(
    `${where}: ${names.join(' and ')}, which has no ${found}. Keep at most ${total}: ${possible}${inEach}.`,
    { option: 'layers', found: layers, expected: total },
  );
}

const indicesOf = (layers: KeptLayers, total: number): readonly number[] =>
  typeof layers === 'number'
    ? Array.from({ length: layers }, (_, i) => (i === 0 ? 0 : Math.round((i * (total - 1)) / (layers - 1))))
    : layers;

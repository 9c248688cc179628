/** Which layers of a Qwen model have a sliding window: those that config.json names, or all from one on. */
import * as z from 'zod';
import { count } from './config.js';

/** The kinds of layers, layer by layer. */
export const layerTypesField = z.array(z.enum(['full_attention', 'sliding_attention'])).nullish();

/** The fields of config.json; defaults as in transformers' Qwen2Config. */
export const slidingFields = {
  use_sliding_window: z.boolean().default(false),
  /** Keys that a query of such a layer sees at most. */
  sliding_window: count.nullable().default(4096),
  /** Layers without a window, before those that have one. */
  max_window_layers: z.int().min(0).default(28),
  /** The same layer by layer, which counts first. */
  layer_types: layerTypesField,
};
type SlidingConfig = z.output<z.ZodObject<typeof slidingFields>>;

/** Layers that are named as having a window, of a config that gives none: transformers does not compute them. */
export function refuseWindows(
  { use_sliding_window, sliding_window, layer_types }: SlidingConfig,
  context: z.RefinementCtx,
): void {
  if (!layer_types?.includes('sliding_attention') || (use_sliding_window && sliding_window !== null)) return;
  const message = 'full_attention alone, or use_sliding_window true and a sliding_window';
  context.addIssue({ code: 'custom', path: ['layer_types'], message });
}

/** The kinds layer by layer; undefined where all are of one kind. */
export const layerTypesOf = ({
  use_sliding_window,
  max_window_layers,
  layer_types,
  num_hidden_layers: layers,
}: SlidingConfig & { readonly num_hidden_layers: number }): readonly string[] | undefined =>
  layer_types ??
  (use_sliding_window
    ? Array.from({ length: layers }, (_, i) => (i >= max_window_layers ? 'sliding_attention' : 'full_attention'))
    : undefined);

/** How many keys a query of a layer sees at most; undefined for all. */
export const windowOf =
  ({ use_sliding_window, sliding_window, max_window_layers, layer_types }: SlidingConfig) =>
  (layer: number): number | undefined => {
    const slides = layer_types ? layer_types[layer] === 'sliding_attention' : layer >= max_window_layers;
    return use_sliding_window && slides ? (sliding_window ?? undefined) : undefined;
  };

import { counted, whole } from '../errors.js';

export { counted, countedOf, rounded, whole } from '../errors.js';

/** "4 layers"; of an encoder-decoder "4 + 2 layers", the encoder's first. */
export const layersInWords = (model: { readonly numLayers: number; readonly numEncoderLayers?: number | undefined }) =>
  model.numEncoderLayers === undefined
    ? counted(model.numLayers, 'layer')
    : `${whole(model.numEncoderLayers)} + ${whole(model.numLayers)} layers`;

/** 12345.6 -> "12,346", 1.23456 -> "1.23". */
export const threeDigits = (value: number): string => (value >= 100 ? whole(value) : value.toPrecision(3));

/** 1536 -> "1.5 KiB". */
export { formatBytes as bytes } from '../errors.js';

/**
 * Milliseconds in the two largest units: "3d 04h", "1h 05m", "3m 20s", "8s"; below half a second in these: "40ms". In days
 * from 48 hours on.
 */
export function duration(ms: number): string {
  if (ms > 0 && ms < 500) return `${Math.ceil(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  if (h >= 48) return `${whole(Math.floor(h / 24))}d ${two(h % 24)}h`;
  if (h > 0) return `${h}h ${two(m)}m`;
  return m > 0 ? `${m}m ${two(s)}s` : `${s}s`;
}

/** 12345.6 -> "12,346". */
export const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** 1, 'step' -> "1 step"; 1234, 'step' -> "1,234 steps". */
export const counted = (count: number, thing: string): string => `${whole(count)} ${thing}${count === 1 ? '' : 's'}`;

/** 12345.6 -> "12,346", 1.23456 -> "1.23". */
export const threeDigits = (value: number): string => (value >= 100 ? whole(value) : value.toPrecision(3));

/** 1536 -> "1.5 KiB". */
export { formatBytes as bytes } from '../errors.js';

/** Milliseconds in the two largest units: "1h 05m", "3m 20s", "8s". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  if (h > 0) return `${h}h ${two(m)}m`;
  return m > 0 ? `${m}m ${two(s)}s` : `${s}s`;
}

/**
 * The file in which a run keeps what it was started with. Its last line has the digest of those before it: one bit that flips
 * in a number would be another learning rate, which a run that goes on may have.
 */
import { sha256 } from './textDigest.js';

/** Its name in the folder of the run. */
export const optionsFile = 'options.jsonl';

/** The lines, and the one with their digest. */
export function withDigest(lines: readonly object[]): string {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return `${text}${JSON.stringify({ type: 'digest', sha256: sha256(text) })}\n`;
}

/** Whether a text is what was written, by the digest at its end; 'unknown' where it has none. */
export function wholeness(text: string): 'whole' | 'changed' | 'unknown' {
  const [, lines = '', digest] = /^(.*\n|)\{"type":"digest","sha256":"([0-9a-f]{64})"\}\n$/s.exec(text) ?? [];
  if (digest === undefined) return 'unknown';
  return sha256(lines) === digest ? 'whole' : 'changed';
}

/**
 * What the benchmarks and the demo write for people. The package's own commands use log-update (src/cli/progress.ts).
 */

/** The part of a terminal's stream that a line needs. */
type Out = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>;

/**
 * Replaces the line that the terminal's cursor is in. It is cut where it would wrap: a wrapped line cannot be replaced.
 */
export function rewriteLine(text: string, out: Out = process.stderr): void {
  out.write(`\r\x1b[K${text.slice(0, (out.columns || 80) - 1)}`);
}

/** A line that stays, in place of the one that `rewriteLine` left on a terminal. */
export function finishLine(text: string, out: Out = process.stderr): void {
  out.write(`${out.isTTY ? '\r\x1b[K' : ''}${text}\n`);
}

import { finishLine, rewriteLine } from '../../scripts/terminal.ts';

/** A line about work that goes on: a terminal sees the seconds run, a file gets what is known at the start and the end. */
export interface Progress {
  /** So many cases are measured. */
  readonly measured: (cases: number) => void;
  /** Leaves the line, with what is to be said of it. */
  readonly end: (note?: string) => void;
}

export function showProgress(title: string, out: NodeJS.WriteStream = process.stderr): Progress {
  const started = performance.now();
  let cases = 0;
  const state = () => {
    const seconds = `${Math.round((performance.now() - started) / 1000)} s`;
    return `${seconds}${cases > 0 ? `, ${cases} case${cases > 1 ? 's' : ''} measured` : ''}`;
  };
  const start = `  ${title} ... `;
  const show = () => {
    if (out.isTTY) rewriteLine(start + state(), out);
  };
  if (!out.isTTY) out.write(start);
  show();
  const timer = setInterval(show, 1000);
  return {
    measured(count) {
      cases = count;
      show();
    },
    end(note) {
      clearInterval(timer);
      finishLine(`${out.isTTY ? start : ''}${state()}${note ? `; ${note}` : ''}`, out);
    },
  };
}

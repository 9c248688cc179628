/**
 * How far the demo has come. Its parts take known shares of the time, so that one bar tells percentage and time left of
 * the whole from the first seconds on.
 */
import { finishLine, rewriteLine } from '../../scripts/terminal.ts';

/** A part of the work. */
export interface Part {
  /** What is going on, for people: 'seed 1, KD'. */
  readonly name: string;
  /** What it takes, in any unit that all parts share. */
  readonly work: number;
}

export interface Progress {
  /** Begins the next part, and with it ends the one before. */
  next(): void;
  /** @param share of the part that is done, 0 to 1. @param detail 'step 12 of 700' */
  update(share: number, detail?: string): void;
  /** A line that stays, above the bar. */
  say(line: string): void;
  /** Everything is done: the bar goes. */
  done(): void;
}

type Out = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>;

/** On a terminal the bar is drawn again so often, in ms; a pipe gets a line for each tenth of the work. */
const redrawMs = 100;

export function openProgress(
  parts: readonly Part[],
  { out = process.stderr as Out, now = () => performance.now() } = {},
): Progress {
  const total = parts.reduce((sum, { work }) => sum + work, 0);
  const started = now();
  let at = -1;
  let before = 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  let tenths = 0;
  const show = (partly: number, detail = '') => {
    const part = parts[at];
    if (!part) return;
    const share = (before + part.work * Math.min(1, partly)) / total;
    const line = {
      share,
      msLeft: msLeft(share, now() - started),
      words: detail ? `${part.name}: ${detail}` : part.name,
    };
    if (out.isTTY) {
      if (now() - shownAt < redrawMs) return;
      shownAt = now();
      rewriteLine(barLine(line), out);
    } else if (share * 10 + 1e-9 >= tenths + 1) {
      tenths = Math.floor(share * 10 + 1e-9);
      finishLine(plainLine(line), out);
    }
  };
  return {
    next() {
      before += parts[at]?.work ?? 0;
      at++;
      show(0);
    },
    update: show,
    say: (line) => finishLine(line, out),
    done() {
      if (out.isTTY) rewriteLine('', out);
    },
  };
}

/** Of the first hundredths nothing follows: a computer needs a moment to run at its speed. */
const msLeft = (share: number, elapsed: number): number | undefined =>
  share < 0.03 ? undefined : (elapsed * (1 - share)) / share;

interface Line {
  readonly share: number;
  readonly msLeft: number | undefined;
  readonly words: string;
}

const barWidth = 24;

/** "[========>               ]  37%  1:05 left  KD: step 12 of 700" */
export function barLine({ share, msLeft, words }: Line): string {
  const full = Math.round(share * barWidth);
  const bar = `${'='.repeat(Math.max(0, full - 1))}${full > 0 ? '>' : ''}`.padEnd(barWidth);
  return `[${bar}] ${percent(share)}  ${left(msLeft)}  ${words}`;
}

const plainLine = ({ share, msLeft, words }: Line): string => `${percent(share)}  ${left(msLeft)}  ${words}`;

const percent = (share: number): string => `${Math.floor(100 * share + 1e-9)}%`.padStart(4);

const left = (ms: number | undefined): string => (ms === undefined ? 'estimating' : `${clock(ms)} left`).padEnd(10);

/** 65,000 -> "1:05" */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** One training sample as people read it: its text, with what counts in the loss between brackets, on a terminal in colour. */
import type { Sample, Tokenizer } from '../index.js';
import { coloured, shownOn, type Terminal } from './terminal.js';

/** A run of text that is learnt, or that is not. */
export interface SamplePiece {
  readonly text: string;
  readonly isLearnt: boolean;
}

/** Brackets that texts rarely have. */
const [open, close] = ['\u27e6', '\u27e7'];

/** How the mask is drawn, for people. */
export const maskInWords = `what is learnt is between ${open} and ${close}`;

/** The first token of all is predicted from nothing, and counts nowhere. */
export function samplePieces({ ids, promptLength, lossMask }: Sample, tokenizer: Tokenizer): SamplePiece[] {
  const counts = (at: number) => (lossMask ? lossMask[at] === 1 : at >= promptLength) && at > 0;
  const pieces: SamplePiece[] = [];
  for (let from = 0, to = 1; from < ids.length; from = to++) {
    while (to < ids.length && counts(to) === counts(from)) to++;
    pieces.push({ text: tokenizer.decode(ids.subarray(from, to)), isLearnt: counts(from) });
  }
  return pieces;
}

/** The pieces as one text. @param most characters of a piece that are shown: a longer one loses its middle */
export const drawnSample = (
  pieces: readonly SamplePiece[],
  stream: Terminal['stdout'],
  most = Number.POSITIVE_INFINITY,
): string =>
  pieces
    .map(({ text, isLearnt }) => {
      const shown = shownOn(stream, withoutMiddle(text, most));
      return isLearnt ? coloured(stream, 'green', `${open}${shown}${close}`) : shown;
    })
    .join('');

function withoutMiddle(text: string, most: number): string {
  const letters = text.length <= most ? [] : Array.from(text);
  if (letters.length <= most) return text;
  const [begin, end] = [Math.ceil((2 * most) / 3), Math.floor(most / 3)];
  const left = letters.length - begin - end;
  return `${letters.slice(0, begin).join('')} [... ${left} characters ...] ${letters.slice(-end).join('')}`;
}

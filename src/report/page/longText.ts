/** Text of any length in a page: of a long one the beginning, which opens to all of it. It needs no script. */
import { element, escaped } from '../markup.js';

/** More letters than this are folded: about six lines of a card. */
const most = 400;
/** What is folded shows so many, so that unfolding always shows much more. */
const shown = 300;

/** HTML for the text. */
export function longText(text: string): string {
  const letters = Array.from(text);
  if (letters.length <= most) return escaped(text);
  const begin = letters.slice(0, shown).join('').trimEnd();
  const size = `all ${letters.length.toLocaleString('en')} characters`;
  const summary = [
    element('span', { class: 'begin' }, escaped(begin), '\u2026 '),
    element('span', { class: 'more' }, size),
  ];
  return element('details', { class: 'long' }, element('summary', {}, ...summary), escaped(text));
}

/**
 * White space as Python's `str` has it. The reference implementations of the scores are Python, and JavaScript's own
 * notion differs: U+001C to U+001F and U+0085 are white space in Python only, U+FEFF in JavaScript only.
 */

/** The characters for which Python's `str.isspace` is true (Unicode 15). All take one UTF-16 unit. */
const spaces: ReadonlySet<number> = new Set([
  ...range(0x09, 0x0d),
  ...range(0x1c, 0x20),
  0x85,
  0xa0,
  0x1680,
  ...range(0x2000, 0x200a),
  0x2028,
  0x2029,
  0x202f,
  0x205f,
  0x3000,
]);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const isSpace = (text: string, at: number): boolean => spaces.has(text.charCodeAt(at));

/** `str.rstrip()` */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text, end - 1)) end--;
  return text.slice(0, end);
}

/** `str.strip()` */
export function strip(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text, start)) start++;
  return stripEnd(text.slice(start));
}

/** `str.split()`: the words between stretches of white space. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && !isSpace(text, at)) continue;
    if (at > start) words.push(text.slice(start, at));
    start = at + 1;
  }
  return words;
}

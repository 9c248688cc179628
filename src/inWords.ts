/**
 * Values as messages show them: any value that JavaScript has, in one short line. What a caller gave by mistake may be
 * a model, a cycle or a whole file's text.
 */
const LONGEST = 100;
/** Values and characters that are looked at. A value that is in many places of another counts in each of them. */
const MOST = 100_000;

/** An object that is nothing but its fields: `{ ... }`, also from another realm. No array, map, promise or instance. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A function or an instance tells nothing by its text: its kind is named. At most about 100 characters. */
export function inWords(value: unknown): string {
  if (value === '') return 'empty';
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? 'a function' : short(value);
  if (!Array.isArray(value) && !isPlainObject(value)) return instanceInWords(value);
  try {
    let seen = 0;
    const text = JSON.stringify(value, (key, inside) => {
      seen += 1 + key.length + (typeof inside === 'string' ? inside.length : 0);
      // Nothing below is followed any more, and the text so far is longer than what is shown of it.
      if (seen > MOST) return typeof inside === 'string' ? short(inside) : undefined;
      if (typeof inside === 'bigint') return `${inside}n`;
      const isInstance = typeof inside === 'object' && inside && !Array.isArray(inside) && !isPlainObject(inside);
      return isInstance ? instanceInWords(inside) : inside;
    });
    return seen > MOST ? `${text.slice(0, LONGEST)}... (more than ${MOST} values and characters)` : short(text);
  } catch {
    // A cycle, or a field that throws when it is read.
    return Array.isArray(value) ? 'an array that JSON cannot hold' : 'an object that JSON cannot hold';
  }
}

/** The same, with text in quotes: for values among words of a sentence, and of files. */
export const quoted = (value: unknown): string =>
  typeof value === 'string' ? escaped(JSON.stringify(cut(value))) : inWords(value);

/** A path before a full stop, which must not look like a part of it: Give '.' instead. */
export const quotedPath = (path: string): string => `'${path}'`;

/** Text for a message: cut after about 100 characters, with its length, on one line. */
export const short = (value: unknown): string => escaped(cut(String(value)));

/** What would end a line, move a terminal's cursor, or turn the direction of what follows. */
const unseen = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const letters: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text with such characters as JSON writes them: a file's text must not break the lines of a message. */
export const escaped = (text: string): string =>
  text.replace(unseen, (each) => letters[each] ?? `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);

function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}... (${text.length} characters)`;
}

function instanceInWords(value: object): string {
  const name = Object.getPrototypeOf(value)?.constructor?.name || 'object';
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${short(name)}`;
}

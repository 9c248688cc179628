/**
 * JSON with the line of each of its values, so that a refusal can say where in a file it is. Stricter than `JSON.parse`: a
 * name that comes twice in an object is refused, for one of its values would be lost without a word.
 */
import { DataError } from '../errors.js';
import { inWords } from '../inWords.js';

/** A JSON text that was read. */
export interface LinedJson {
  readonly value: unknown;
  /** The line, from 1, at which the value at a path begins: that of its name, in an object. The nearest above, where there is none. */
  lineOf(path: readonly PropertyKey[]): number;
  /** Whether there is a value at a path. */
  has(path: readonly PropertyKey[]): boolean;
}

/** Deeper than any file that a person writes. It ends the way into a file that is nothing but brackets. */
const deepest = 50;

const scalar =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const space = /[ \t\r\n]*/y;

/**
 * @param where the file, for messages
 * @throws DataError for what is no JSON, with its line
 */
export function readLinedJson(text: string, where: string): LinedJson {
  const lines = new Map<string, number>();
  const begin = text.startsWith('\ufeff') ? 1 : 0;
  let at = begin;
  let counted = begin;
  let line = 1;
  const here = () => {
    for (; counted < at; counted++) if (text[counted] === '\n') line++;
    return line;
  };
  const skipSpace = () => {
    space.lastIndex = at;
    space.exec(text);
    at = space.lastIndex;
  };
  const refuse = (expected: string) => {
    const found = at >= text.length ? 'the end of the file' : inWords(text.slice(at).split('\n', 1)[0]);
    return new DataError(`${where}, line ${here()}: found ${found}, expected ${expected}. It must be JSON.`, {
      found: at >= text.length ? '' : text[at],
      expected,
    });
  };
  const take = (character: string): boolean => {
    skipSpace();
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const readScalar = (expected: string): unknown => {
    skipSpace();
    scalar.lastIndex = at;
    const [found] = scalar.exec(text) ?? [];
    if (found === undefined) throw refuse(expected);
    at += found.length;
    return JSON.parse(found);
  };
  const read = (path: readonly PropertyKey[]): unknown => {
    skipSpace();
    if (!lines.has(keyOf(path))) lines.set(keyOf(path), here());
    if (path.length > deepest) throw refuse(`no more than ${deepest} objects and lists within each other`);
    if (take('{')) return readObject(path);
    if (take('[')) return readList(path);
    return readScalar('a value');
  };
  const readList = (path: readonly PropertyKey[]): unknown[] => {
    const list: unknown[] = [];
    if (take(']')) return list;
    do list.push(read([...path, list.length]));
    while (take(','));
    if (!take(']')) throw refuse('a comma or ]');
    return list;
  };
  const readObject = (path: readonly PropertyKey[]): Record<string, unknown> => {
    const fields: [string, unknown][] = [];
    const names = new Set<string>();
    if (take('}')) return {};
    do {
      skipSpace();
      if (text[at] !== '"') throw refuse('a name in double quotes');
      const name = readScalar('a name in double quotes') as string;
      const inside = [...path, name];
      if (names.has(name)) {
        throw new DataError(
          `${where}, line ${here()}: ${inWords(name)} is there twice in one object, first in line ` +
            `${lines.get(keyOf(inside))}. Remove one of them.`,
          { found: name },
        );
      }
      names.add(name);
      lines.set(keyOf(inside), here());
      if (!take(':')) throw refuse('a colon');
      fields.push([name, read(inside)]);
    } while (take(','));
    if (!take('}')) throw refuse('a comma or }');
    return Object.fromEntries(fields);
  };
  const value = read([]);
  skipSpace();
  if (at < text.length) throw refuse('nothing more');
  const lineOf = (path: readonly PropertyKey[]): number =>
    lines.get(keyOf(path)) ?? (path.length === 0 ? 1 : lineOf(path.slice(0, -1)));
  return { value, lineOf, has: (path) => lines.has(keyOf(path)) };
}

const keyOf = (path: readonly PropertyKey[]): string => JSON.stringify(path);

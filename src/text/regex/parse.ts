/**
 * The regular expressions of tokenizers, as trees. What a table can decide with one character of look-ahead is taken:
 * sets, groups, alternatives, repetition, `(?i:...)`, `(?!\S)`. The rest (back references, look-behind, `\b`) is refused
 * by name. Syntax and meaning are Oniguruma's, with which Hugging Face reads them.
 */
import { anything, type CharacterSet, complement, intersection, union } from './characterSet.js';
import type { UnicodeSets } from './unicodeSets.js';

/** A part of a regular expression. */
export type Pattern =
  | { readonly kind: 'character'; readonly set: CharacterSet }
  /** The next character is in the set, or, where `orEnd`, there is none. */
  | { readonly kind: 'before'; readonly set: CharacterSet; readonly orEnd: boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly parts: readonly Pattern[] }
  | {
      readonly kind: 'repeat';
      readonly part: Pattern;
      readonly least: number;
      readonly most: number;
      readonly lazy: boolean;
      readonly possessive: boolean;
    };

/** Copies of a part that a count may ask for. */
const MOST_COPIES = 1000;

/** @param refuse makes the error for what is found at a place of the source */
export function parsePattern(
  source: string,
  unicode: UnicodeSets,
  refuse: (what: string, at: number) => Error,
): Pattern {
  return new Parser(source, unicode, refuse).whole();
}

/** The pattern of a text, character by character. */
export const literalPattern = (text: string): Pattern => ({
  kind: 'sequence',
  parts: Array.from(text, (character) => ({ kind: 'character', set: one(character) }) as const),
});

const one = (character: string): CharacterSet => {
  const code = character.codePointAt(0) as number;
  return [code, code];
};

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', a: '\x07', e: '\x1b' };

/** Characters that differ in case alone, beyond what upper and lower case of one give. */
const folded: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a', '\u00e5': '\u212b' };

/** A set of literal characters with their other cases. Classes are left as they are: they have both. */
function ignoringCase(set: CharacterSet): CharacterSet {
  const codes: number[] = [];
  for (let i = 0; i < set.length; i += 2) {
    for (let code = set[i] as number; code <= (set[i + 1] as number); code++) {
      if (codes.push(code) > MOST_COPIES) return set;
    }
  }
  const variants = codes.flatMap((code) => {
    const character = String.fromCodePoint(code);
    const lower = character === '\u017f' ? 's' : character.toLowerCase();
    return [lower, character.toUpperCase(), folded[lower] ?? character].filter((each) => [...each].length === 1);
  });
  return union(set, ...variants.map(one));
}

const isSingle = (set: CharacterSet) => set.length === 2 && set[0] === set[1];

class Parser {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(
    source: string,
    readonly unicode: UnicodeSets,
    readonly refuse: (what: string, at: number) => Error,
  ) {
    this.#characters = [...source];
  }

  whole(): Pattern {
    const pattern = this.#choice(false);
    if (this.#at < this.#characters.length) throw this.refuse('a ")" without "("', this.#at);
    return pattern;
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #takes(text: string): boolean {
    const found = this.#characters.slice(this.#at, this.#at + text.length).join('');
    if (found !== text) return false;
    this.#at += text.length;
    return true;
  }

  #choice(ignoreCase: boolean): Pattern {
    const parts = [this.#sequence(ignoreCase)];
    while (this.#takes('|')) parts.push(this.#sequence(ignoreCase));
    return parts.length === 1 ? (parts[0] as Pattern) : { kind: 'choice', parts };
  }

  #sequence(ignoreCase: boolean): Pattern {
    const parts: Pattern[] = [];
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')') {
      const at = this.#at;
      if (this.#takes('(?i)')) {
        parts.push(this.#choice(true));
        continue;
      }
      const part = this.#repeated(this.#atom(ignoreCase));
      if (part.kind === 'repeat' && part.possessive && (this.#depth > 0 || part.part.kind !== 'character')) {
        throw this.refuse('a possessive repetition of more than one character, or in a group', at);
      }
      parts.push(part);
    }
    for (const [i, part] of parts.entries()) {
      if (part.kind !== 'repeat' || !part.possessive || givesNothingBack(part.part, parts.slice(i + 1))) continue;
      throw this.refuse('a possessive repetition that takes what follows it', 0);
    }
    return parts.length === 1 ? (parts[0] as Pattern) : { kind: 'sequence', parts };
  }

  #repeated(part: Pattern): Pattern {
    let inner = part;
    for (let depth = 0; ; depth++) {
      const at = this.#at;
      const count = this.#count();
      if (!count) return inner;
      if (depth === 100) throw this.refuse('repetitions nested more than 100 deep', at);
      if (inner.kind === 'before') throw this.refuse('a repeated look-ahead', at);
      const [least, most, braces] = count;
      const lazy = this.#takes('?');
      // In Oniguruma, {2,3}+ repeats the repetition.
      const possessive = !lazy && !braces && this.#takes('+');
      inner = { kind: 'repeat', part: inner, least, most, lazy, possessive };
    }
  }

  #count(): [least: number, most: number, braces: boolean] | undefined {
    if (this.#takes('*')) return [0, Number.POSITIVE_INFINITY, false];
    if (this.#takes('+')) return [1, Number.POSITIVE_INFINITY, false];
    if (this.#takes('?')) return [0, 1, false];
    if (this.#next !== '{') return undefined;
    const found = /^\{(\d*)(,?)(\d*)\}/.exec(this.#characters.slice(this.#at, this.#at + 16).join(''));
    if (!found || (found[1] === '' && found[3] === '')) return undefined;
    const least = Number(found[1]);
    const most = found[2] === '' ? least : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (Math.max(least, most === Number.POSITIVE_INFINITY ? 0 : most) > MOST_COPIES || most < least) {
      throw this.refuse(`the count ${found[0]}`, this.#at);
    }
    this.#at += found[0].length;
    return [least, most, true];
  }

  #atom(ignoreCase: boolean): Pattern {
    const at = this.#at;
    if (this.#takes('(')) return this.#group(at, ignoreCase);
    if (this.#next === '[') return { kind: 'character', set: this.#bracket(ignoreCase) };
    if (this.#takes('.')) return { kind: 'character', set: complement(one('\n')) };
    if (this.#takes('$')) return { kind: 'before', set: one('\n'), orEnd: true };
    if (this.#takes('\\z')) return { kind: 'before', set: [], orEnd: true };
    const character = this.#next as string;
    if ('^*+?'.includes(character)) throw this.refuse(JSON.stringify(character), at);
    const set = this.#setCharacter();
    return { kind: 'character', set: ignoreCase ? ignoringCase(set) : set };
  }

  #group(at: number, ignoreCase: boolean): Pattern {
    if (this.#depth > 100) throw this.refuse('groups nested more than 100 deep', at);
    const negative = this.#takes('?!');
    const looksAhead = negative || this.#takes('?=');
    let inner = ignoreCase;
    if (!looksAhead && this.#next === '?') {
      if (this.#takes('?i:')) inner = true;
      else if (this.#takes('?-i:')) inner = false;
      else if (!this.#takes('?:'))
        throw this.refuse(`"(${this.#characters.slice(this.#at, this.#at + 3).join('')}"`, at);
    }
    this.#depth++;
    const part = this.#choice(inner);
    this.#depth--;
    if (!this.#takes(')')) throw this.refuse('a "(" without ")"', at);
    if (!looksAhead) return part;
    if (part.kind !== 'character') throw this.refuse('a look-ahead at more than one character', at);
    // There is no next character at the end of a text: it is in no set.
    return { kind: 'before', set: negative ? complement(part.set) : part.set, orEnd: negative };
  }

  #escape(): CharacterSet {
    const at = this.#at;
    this.#at++;
    const character = this.#next;
    if (character === undefined) throw this.refuse('a "\\" at its end', at);
    this.#at++;
    if (character === 'p' || character === 'P') return this.#property(character === 'P', at);
    const { space, digit, word } = this.unicode;
    const named = { s: space, d: digit, w: word }[character.toLowerCase()];
    if (named) return character === character.toLowerCase() ? named : complement(named);
    if (character === 'x' || character === 'u') return this.#codePoint(character, at);
    const escaped = escapes[character];
    if (escaped) return one(escaped);
    if (/[A-Za-z0-9]/.test(character)) throw this.refuse(`"\\${character}"`, at);
    return one(character);
  }

  #codePoint(kind: string, at: number): CharacterSet {
    const rest = this.#characters.slice(this.#at, this.#at + 12).join('');
    const found = (
      kind === 'x' ? /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/ : /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))/
    ).exec(rest);
    const code = found ? Number.parseInt((found[1] ?? found[2]) as string, 16) : Number.NaN;
    if (!found || !(code <= 0x10ffff)) throw this.refuse(`"\\${kind}" without a code point`, at);
    this.#at += found[0].length;
    return [code, code];
  }

  #property(negative: boolean, at: number): CharacterSet {
    const found = /^(?:\{(\^?)([\w ]+)\}|()([A-Z]))/.exec(this.#characters.slice(this.#at, this.#at + 40).join(''));
    const name = found?.[2] ?? found?.[4];
    const set = name === undefined ? undefined : this.unicode.category(name);
    if (!found || !set) {
      throw this.refuse(
        `the property ${JSON.stringify(name ?? '')} (general categories as \\p{L} or \\p{Lu} are known)`,
        at,
      );
    }
    this.#at += found[0].length;
    return negative !== (found[1] === '^') ? complement(set) : set;
  }

  /** A set in brackets; sets may stand in it, and `&&` intersects what is before with what is after. */
  #bracket(ignoreCase: boolean): CharacterSet {
    const at = this.#at;
    if (++this.#depth > 100) throw this.refuse('sets nested more than 100 deep', at);
    this.#at++;
    const negative = this.#takes('^');
    let set: CharacterSet | undefined;
    let members: CharacterSet[] = [];
    const finish = () => {
      const own = union(...members);
      set = set ? intersection(set, own) : own;
      members = [];
    };
    for (let first = true; first || this.#next !== ']'; first = false) {
      if (this.#next === undefined) throw this.refuse('a "[" without "]"', at);
      if (this.#takes('&&')) finish();
      else if (this.#next === '[') {
        if (this.#characters[this.#at + 1] === ':') throw this.refuse('a POSIX set like [:alpha:]', this.#at);
        members.push(this.#bracket(ignoreCase));
      } else members.push(this.#member(ignoreCase));
    }
    this.#at++;
    this.#depth--;
    finish();
    return negative ? complement(set as unknown as CharacterSet) : (set as unknown as CharacterSet);
  }

  #member(ignoreCase: boolean): CharacterSet {
    const at = this.#at;
    const first = this.#setCharacter();
    const after = this.#characters[this.#at + 1];
    // What follows a class, and the last of a set, is a plain "-".
    if (this.#next !== '-' || after === ']' || after === undefined || !isSingle(first)) {
      return ignoreCase ? ignoringCase(first) : first;
    }
    this.#at++;
    const last = this.#setCharacter();
    const [from, to] = [first[0] as number, last[0] as number];
    if (!isSingle(last) || to < from) throw this.refuse('a range without ends', at);
    return ignoreCase ? ignoringCase([from, to]) : [from, to];
  }

  #setCharacter(): CharacterSet {
    if (this.#next === '\\') return this.#escape();
    return one(this.#characters[this.#at++] as string);
  }
}

/**
 * Whether a greedy repetition of a character, once it has taken all it can, need never give one back: a possessive one is
 * then the same. It is so when nothing must follow, or nothing that follows can begin with that character.
 */
function givesNothingBack(part: Pattern, rest: readonly Pattern[]): boolean {
  if (part.kind !== 'character') return false;
  if (rest.every(isNullable)) return true;
  const begins: CharacterSet[] = [];
  for (const each of rest) {
    begins.push(beginning(each));
    if (!isNullable(each)) break;
  }
  return intersection(union(...begins), part.set).length === 0;
}

/** Whether a part can match nothing, whatever comes next. */
function isNullable(part: Pattern): boolean {
  if (part.kind === 'sequence') return part.parts.every(isNullable);
  if (part.kind === 'choice') return part.parts.some(isNullable);
  return part.kind === 'repeat' && (part.least === 0 || isNullable(part.part));
}

/** What a part can begin with; where it asks for what follows, that. */
function beginning(part: Pattern): CharacterSet {
  if (part.kind === 'character' || part.kind === 'before') return part.set;
  if (part.kind === 'repeat') return beginning(part.part);
  if (part.kind === 'choice') return union(...part.parts.map(beginning));
  const end = part.parts.findIndex((each) => !isNullable(each) && each.kind !== 'before');
  return union(...part.parts.slice(0, end < 0 ? undefined : end + 1).map(beginning), end < 0 ? anything : []);
}

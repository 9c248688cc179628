/**
 * Expressions for names of modules in adapter_config.json, which PEFT gives to Python's `re`. Here they become the tables of
 * text/regex: a file cannot make one that takes longer for a name than its length. What such a table cannot say is refused.
 */
import { CheckpointError } from '../../errors.js';
import { quoted } from '../../inWords.js';
import { type Automaton, compilePattern, type Work } from '../../text/regex/automaton.js';
import { setOf, union } from '../../text/regex/characterSet.js';
import { type Pattern, parsePattern } from '../../text/regex/parse.js';
import type { UnicodeSets } from '../../text/regex/unicodeSets.js';

/** Whether a name is meant. */
export type NameTest = (name: string) => boolean;

/** Characters of an expression. */
const LONGEST = 2000;
/** What all expressions of one file may take. Plain names take nothing of it. */
const MOST_WORK = 2_000_000;
/** Names, in which a dot stands for any character, as in every expression. */
const isPlain = (source: string) => /^[\w.-]+$/.test(source);

/** Names of modules are ASCII. */
const digit = setOf([0x30, 0x39]);
const ascii: UnicodeSets = {
  category: () => undefined,
  space: setOf([9, 13], [32, 32]),
  digit,
  word: union(digit, setOf([0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a])),
};
const atEnd: Pattern = { kind: 'before', set: [], orEnd: true };

/** Reads the expressions of one file. @param where the file, for messages */
export class ModulePatterns {
  readonly #work: Work = { left: MOST_WORK };
  constructor(readonly where: string) {}

  /** As re.fullmatch. @throws CheckpointError for an expression that is not supported, by what is not */
  whole(field: string, source: string): NameTest {
    return this.#table(field, source.replace(/^\^/, ''), source);
  }

  /** The whole name, or what is behind one of its dots; with a `^` before it the whole name. */
  ending(field: string, source: string): NameTest {
    const test = this.whole(field, source);
    if (source.startsWith('^')) return test;
    return (name) => {
      for (let at = 0; at >= 0; ) {
        if (test(name.slice(at))) return true;
        at = name.indexOf('.', at) + 1 || -1;
      }
      return false;
    };
  }

  #table(field: string, source: string, found: string): NameTest {
    if (isPlain(source)) {
      return (name) => name.length === source.length && [...source].every((c, i) => c === '.' || c === name[i]);
    }
    const refuse = (what: string, at?: number) =>
      new CheckpointError(
        `${this.where}: ${field} has the expression ${quoted(found)} with ${what}` +
          `${at === undefined ? '' : ` at character ${at}`}, which is not supported. Write the names of the modules in its place.`,
        { found },
      );
    if (source.length > LONGEST) throw refuse(`${source.length} characters, of at most ${LONGEST}`);
    const pattern: Pattern = { kind: 'sequence', parts: [parsePattern(source, ascii, refuse), atEnd] };
    return matcherOf(compilePattern(pattern, refuse, this.#work));
  }
}

/** Whether a pattern that ends at the end of the text matches it from its beginning. */
function matcherOf({ ranges, columns, table }: Automaton): NameTest {
  const classOf = (code: number) => {
    let found = 0;
    for (let i = 0; i < ranges.length && (ranges[i] as number) <= code; i += 2) found = ranges[i + 1] as number;
    return found;
  };
  return (name) => {
    // Of the table's first two rows the latter is where a match begins.
    let row = columns;
    for (const character of name) {
      row = (table[row + classOf(character.codePointAt(0) as number)] as number) >>> 2;
      if (row === 0) return false;
    }
    return ((table[row + columns - 1] as number) & 1) === 1;
  };
}

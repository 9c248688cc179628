/** What `\p{L}`, `\s` and the like stand for: the tables of assembly/text/unicode.ts, so that all engines agree. */
import type { TextExports } from '../wasm.js';
import { wordsAt } from '../wasm.js';
import { type CharacterSet, LAST_CODE_POINT, setOf, union } from './characterSet.js';

/** In the order of their numbers in the table. */
const categories = [
  ...['Cc', 'Cf', 'Cn', 'Co', 'Cs', 'Ll', 'Lm', 'Lo', 'Lt', 'Lu', 'Mc', 'Me', 'Mn', 'Nd', 'Nl', 'No'],
  ...['Pc', 'Pd', 'Pe', 'Pf', 'Pi', 'Po', 'Ps', 'Sc', 'Sk', 'Sm', 'So', 'Zl', 'Zp', 'Zs'],
];
const longNames: Readonly<Record<string, string>> = {
  Letter: 'L',
  Lowercase_Letter: 'Ll',
  Uppercase_Letter: 'Lu',
  Mark: 'M',
  Number: 'N',
  Decimal_Number: 'Nd',
  Punctuation: 'P',
  Separator: 'Z',
  Symbol: 'S',
  Other: 'C',
};

/** Sets by name. */
export interface UnicodeSets {
  /** A general category, or a group of them: 'Lu', 'L', 'Letter'; undefined for an unknown name. */
  category(name: string): CharacterSet | undefined;
  readonly space: CharacterSet;
  readonly digit: CharacterSet;
  /** Letters, marks, decimal numbers, connector punctuation. */
  readonly word: CharacterSet;
}

let known: UnicodeSets | undefined;

export function unicodeSets(wasm: TextExports): UnicodeSets {
  if (known) return known;
  const entries = wordsAt(wasm, wasm.categoriesAt(), wasm.categoriesLength());
  const byCategory = categories.map((): [number, number][] => []);
  entries.forEach((entry, i) => {
    const next = i + 1 < entries.length ? (entries[i + 1] as number) >>> 5 : LAST_CODE_POINT + 1;
    byCategory[entry & 31]?.push([entry >>> 5, next - 1]);
  });
  const spaces = wordsAt(wasm, wasm.spacesAt(), wasm.spacesLength() * 2);
  const group = (prefix: string) =>
    union(...byCategory.filter((_, i) => categories[i]?.startsWith(prefix)).map((ranges) => setOf(...ranges)));
  const category = (name: string) => {
    const short = longNames[name] ?? name;
    return categories.some((each) => each === short || each[0] === short) ? group(short) : undefined;
  };
  known = {
    category,
    space: [...spaces],
    digit: group('Nd'),
    word: union(group('L'), group('M'), group('Nd'), group('Pc')),
  };
  return known;
}

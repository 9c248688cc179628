import { DataError } from '../../errors.js';

/** Unicode gives these no meaning, so few texts have them. */
const [first, last] = [0xe000, 0xf8ff];

/** Characters for private use that none of these texts has. @throws DataError where the texts have all of them */
export function unusedCharacters(count: number, texts: readonly string[]): string[] {
  const unused: string[] = [];
  for (let code = last; code >= first && unused.length < count; code--) {
    const character = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(character))) unused.push(character);
  }
  if (unused.length === count) return unused;
  throw new DataError(
    'the messages have every character for private use (U+E000 to U+F8FF), of which none is left to mark with.',
  );
}

/**
 * The lines of a parallel text. IWSLT's training files (train.tags.en-de.en) have lines about each talk between them, which
 * begin with a tag: these are left out, and not counted.
 */
import { readLines } from '../lines.js';
import type { TextSource } from '../source.js';
import type { Part } from './part.js';

const tag = /^<(?:url|keywords|speaker|talkid|title|description|reviewer|translator|doc|\/doc)\b/;

/** @throws DataError as `readLines` */
export async function* readTextLines(source: TextSource): AsyncGenerator<Part> {
  let isTagged: boolean | undefined;
  let tags = 0;
  for await (const lines of readLines(source, 'text, a sentence a line')) {
    for (const line of lines) {
      const text = 'text' in line ? line.text.trim() : '';
      isTagged ??= tag.test(text);
      if (isTagged && tag.test(text)) {
        tags++;
        continue;
      }
      const problem = 'problem' in line ? { problem: line.problem } : {};
      yield { index: line.number - tags, line: line.number, text, ...problem };
    }
  }
}

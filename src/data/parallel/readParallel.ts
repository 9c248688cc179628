/** Two files that translate each other, read side by side: line by line, or segment by segment. */
import { DataError } from '../../errors.js';
import { Problem } from '../jsonLine.js';
import { translationOf } from '../languages.js';
import type { Question } from '../question.js';
import type { Place, RecordCount } from '../records.js';
import { sourceName, type TextSource } from '../source.js';
import type { ParallelFiles } from './parallelFiles.js';
import type { Part } from './part.js';
import { readSegments } from './segments.js';
import { readTextLines } from './textLines.js';

const readParts = (source: TextSource): AsyncGenerator<Part> =>
  /\.(xml|sgml?)(\.gz)?([?#].*)?$/i.test(sourceName(source)) ? readSegments(source) : readTextLines(source);

/**
 * The pairs of two files. A part whose counterpart is empty cannot be used; files of different lengths or segments are no
 * pair.
 * @param use what becomes of a pair; its place is that in the file that is translated
 * @throws DataError naming both files and the line; for a file that is missing, cut or of another kind
 */
export async function* readParallel<T>(
  files: ParallelFiles,
  use: (question: Question, place: Place) => T | Problem,
  count: RecordCount,
): AsyncGenerator<T> {
  const { languages } = files;
  const [source, target] = [sourceName(files.source), sourceName(files.target)];
  const [ours, theirs] = [readParts(files.source), readParts(files.target)];
  const next = async (parts: AsyncGenerator<Part>): Promise<Part | undefined> => {
    const { done, value } = await parts.next();
    return done ? undefined : value;
  };
  try {
    let [one, other] = [await next(ours), await next(theirs)];
    while (one || other) {
      if (!one || !other) throw longer(one ? source : target, one ? target : source, (one ?? other) as Part);
      if (one.index < other.index) {
        count.invalid(`${source}: line ${one.line}: its translation, in ${target}, is empty`);
        one = await next(ours);
      } else if (other.index < one.index) {
        count.invalid(`${target}: line ${other.line}: what it translates, in ${source}, is empty`);
        other = await next(theirs);
      } else {
        if (one.called !== other.called) throw apart(source, one, target, other);
        const problem = problemOf(source, one) ?? problemOf(target, other);
        const place: Place = { kind: 'line', number: one.line };
        const record = problem ?? use(translationOf(one.text, other.text, languages), place);
        if (record instanceof Problem) {
          count.invalid(problem ? record.text : `${source}: line ${one.line}${record.text}`);
        } else {
          count.usable();
          if (!count.failed) yield record;
        }
        [one, other] = [await next(ours), await next(theirs)];
      }
    }
  } finally {
    await Promise.all([ours.return(undefined), theirs.return(undefined)]);
  }
}

function problemOf(file: string, { line, problem, called, text }: Part): Problem | undefined {
  if (problem !== undefined) return new Problem(`${file}: line ${line}: ${problem}`);
  return text === '' ? new Problem(`${file}: line ${line}: ${called} is empty`) : undefined;
}

const longer = (file: string, shorter: string, { line, called }: Part) =>
  new DataError(
    `${file}: line ${line}: ${called ?? 'the text'} goes on where ${shorter} has ended: they do not translate each other line by line, ` +
      'or one of them is cut. Check both.',
    { found: line },
  );

const apart = (file: string, one: Part, otherFile: string, other: Part) =>
  new DataError(
    `${file}: line ${one.line}: ${one.called} stands where ${otherFile} has ${other.called} (line ${other.line}), expected the same ` +
      'segments in both. Check that they belong together.',
    { found: other.called, expected: one.called },
  );

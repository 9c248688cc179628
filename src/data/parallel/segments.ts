/**
 * The segments of mteval's XML, in which IWSLT and WMT publish their development and test sets: documents (`doc`, with its
 * `docid`) of segments (`<seg id="1">text</seg>`). What else a document has, its title or its speaker, is left out.
 */
import { DataError } from '../../errors.js';
import { longestLine } from '../lines.js';
import { sourceName, type TextSource } from '../source.js';
import { readPieces } from '../textPieces.js';
import type { Part } from './part.js';

/** A set or a document that begins, a set that ends, or a whole segment. */
const unit =
  /<(?<opened>srcset|refset|tstset|doc)\b(?<attributes>[^<>]*)>|<\/(?<closed>srcset|refset|tstset)\s*>|<seg\b(?<of>[^<>]*)>(?<text>[\s\S]*?)<\/seg\s*>/gi;

/**
 * Reads the segments of a set in their order, piece by piece.
 * @throws DataError for a file without them, for one that is cut, and as `readPieces`
 */
export async function* readSegments(source: TextSource): AsyncGenerator<Part> {
  const file = sourceName(source);
  let pending = '';
  let line = 1;
  let document = '';
  let index = 0;
  let isOpen = false;
  let isEnded = false;
  for await (const piece of readPieces(source)) {
    pending += piece;
    let read = 0;
    for (const match of pending.matchAll(unit)) {
      const { opened, attributes = '', closed, of = '', text = '' } = match.groups ?? {};
      line += newlinesIn(pending.slice(read, match.index));
      const at = line;
      line += newlinesIn(match[0]);
      read = match.index + match[0].length;
      if (opened !== undefined) {
        if (opened.toLowerCase() === 'doc') document = attribute(attributes, 'docid') ?? '?';
        else isOpen = true;
      } else if (closed !== undefined) isEnded = true;
      else {
        if (/<seg\b/i.test(text)) {
          throw new DataError(
            `${file}: line ${at}: a segment does not end: there is no </seg> before the next one. Correct it.`,
          );
        }
        index++;
        const called = `segment ${attribute(of, 'id') ?? index} of document ${document}`;
        yield { index, line: at, called, text: decoded(text).trim().replace(/\s+/g, ' ') };
      }
    }
    pending = pending.slice(read);
    if (pending.length > longestLine) {
      throw new DataError(
        `${file}: line ${line}: there is no segment in the next ${longestLine} characters. Check the file.`,
      );
    }
  }
  if (!isOpen || index === 0) {
    throw new DataError(
      `${file} is no set of mteval, expected srcset or refset with segments, as IWSLT publishes them. Check that it is the right file.`,
    );
  }
  if (isEnded && !/<seg\b/i.test(pending)) return;
  throw new DataError(
    `${file}: the file is cut: it ends after ${index} whole segments, in line ${line}. Download it again.`,
    {
      found: index,
    },
  );
}

const newlinesIn = (text: string): number => text.split('\n').length - 1;

function attribute(attributes: string, name: string): string | undefined {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(attributes);
  return found?.[1] ?? found?.[2];
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Text as XML means it. What is no entity stays: older sets have ampersands as they are. */
const decoded = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return entities[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

// biome-ignore-all lint/suspicious/noControlCharactersInRegex: the signatures of binary files consist of them.
/**
 * What a file looks like that is not what its name says. A download that went wrong leaves a page, a pointer or an
 * archive under the name of the weights; the message should say so, not that byte 17 is odd.
 */

/** A kind of file, and what to do about it. */
interface Likeness {
  /** "a Git LFS pointer" */
  readonly what: string;
  readonly advice: string;
}

const unpack = (command: string) => `Unpack it (${command}).`;
const toJsonLines = 'Convert it to JSON lines: in Python, pandas has to_json(path, orient="records", lines=True).';
const asSafetensors = 'Load it with transformers, and save_pretrained the model again.';
const toUtf8 = (from: string) => `Convert it to UTF-8: iconv -f ${from} -t UTF-8.`;

const htmlPage = 'an HTML page';
const xmlDocument = 'an XML document, perhaps the error message of a server';

/** By the first bytes, as Latin-1. The first that matches counts. */
const likenesses: readonly (readonly [begins: RegExp, what: string, advice: string])[] = [
  [
    /^version https?:\/\/git-lfs/,
    'a Git LFS pointer, not the file that it stands for',
    "Run 'git lfs pull' in its folder, or download the file itself.",
  ],
  [
    /^(\xef\xbb\xbf)?\s*(<!--[\s\S]*?-->\s*)?<(!doctype html|html|head|body)/i,
    htmlPage,
    'Download the file itself: on Hugging Face its address has /resolve/ in place of /blob/, and closed models need a token.',
  ],
  [/^(\xef\xbb\xbf)?\s*<\?xml/, xmlDocument, 'Download the file again.'],
  [/^\x1f\x8b\x08/, 'a gzip archive', unpack('gunzip')],
  [
    /^PK(\x03\x04|\x05\x06)/,
    'a zip archive, as PyTorch and Excel write them',
    'Unpack it; the weights of a model are read from it under the name pytorch_model.bin.',
  ],
  [/^\x28\xb5\x2f\xfd/, 'a Zstandard archive', unpack('zstd -d')],
  [/^\xfd7zXZ/, 'an xz archive', unpack('xz -d')],
  [/^BZh\d1AY/, 'a bzip2 archive', unpack('bunzip2')],
  [/^7z\xbc\xaf/, 'a 7z archive', unpack('7z x')],
  [/^[\s\S]{257}ustar/, 'a tar archive', unpack('tar -xf')],
  [/^(\xff\xfe\0\0|\0\0\xfe\xff)/, 'text in UTF-32', toUtf8('UTF-32')],
  [/^(\xff\xfe|\xfe\xff)/, 'text in UTF-16', toUtf8('UTF-16')],
  [/^([\t\n\r -~]\0){4}/, 'text in UTF-16', toUtf8('UTF-16LE')],
  [/^(\0[\t\n\r -~]){4}/, 'text in UTF-16', toUtf8('UTF-16BE')],
  [/^(PAR1|ARROW1)/, 'a Parquet or Arrow file', toJsonLines],
  [/^\x80[\x02-\x05][^\0]/, 'a Python pickle, as torch.save wrote it', asSafetensors],
  [/^GGUF/, 'a GGUF file', 'Give it a name that ends in .gguf, and name it as the model.'],
  [/^\x89HDF/, 'an HDF5 file', asSafetensors],
  [/^\x93NUMPY/, 'a NumPy array', toJsonLines],
  [/^%PDF/, 'a PDF', 'Convert it to text.'],
  [/^SQLite format 3/, 'an SQLite database', toJsonLines],
  [/^\0{64}/, 'zeros, an incomplete download', 'Download the file again.'],
];

/** Bytes that tell all kinds apart. */
export const tellingBytes = 512;

/** What the first bytes of a file look like; undefined for text in UTF-8, and for what is not known. */
export function likenessOf(bytes: Uint8Array): Likeness | undefined {
  const beginning = String.fromCharCode(...bytes.subarray(0, tellingBytes));
  const known = likenesses.find(([begins]) => begins.test(beginning));
  return known && { what: known[1], advice: known[2] };
}

export const isHtmlPage = (bytes: Uint8Array): boolean => likenessOf(bytes)?.what === htmlPage;

/** "m/config.json is an HTML page, expected JSON. Download ...", where the bytes look like another kind of file. */
export function mistaken(where: string, bytes: Uint8Array, expected: string): string | undefined {
  const found = likenessOf(bytes);
  return found && `${where} is ${found.what}, expected ${expected}. ${found.advice}`;
}

/** The same where any text will do: so does markup, in a file whose name says that it is markup. */
export function mistakenForText(where: string, bytes: Uint8Array): string | undefined {
  const found = likenessOf(bytes);
  const isMarkup = found?.what === htmlPage || found?.what === xmlDocument;
  if (isMarkup && /\.(x?html?|xml|svg)(\.gz)?([?#].*)?$/i.test(where)) return undefined;
  const advice = isMarkup ? ' To take it as text, give it a name that ends in .html or .xml.' : '';
  return found && `${where} is ${found.what}, expected text in UTF-8. ${found.advice}${advice}`;
}

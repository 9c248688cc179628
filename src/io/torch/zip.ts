/**
 * Zip archives as torch.save writes them: entries that are stored as they are, ZIP64 where they are large. An entry is
 * a stretch of the file, so that it is read in place. Source: PKWARE's APPNOTE.TXT 6.3.
 */
import { CheckpointError, formatBytes } from '../../errors.js';
import type { ReadableFile } from '../unchanging.js';
import { decodeText } from '../utf8.js';

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly byteLength: number;
  /** First byte of its local header; its content begins somewhat later. */
  readonly header: number;
}

const [END, END64, LOCATOR64, DIRECTORY, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];
const [endBytes, locatorBytes, end64Bytes, directoryBytes, localBytes] = [22, 20, 56, 46, 30];
/** The comment at the end of an archive is at most so long. */
const longestComment = 0xffff;
/** Far above the directory of any model: a hundred bytes an entry. */
const largestDirectory = 2 ** 26;

const damaged = (message: string, details: ConstructorParameters<typeof CheckpointError>[1] = {}) =>
  new CheckpointError(`${message} Download the file again.`, details);

/** The entries of an archive by name. @throws CheckpointError for a damaged archive, and for packed or encrypted entries */
export async function readZip(file: ReadableFile): Promise<ReadonlyMap<string, ZipEntry>> {
  const { name: where } = file;
  const { offset, byteLength, count } = await findDirectory(file);
  if (offset + byteLength > file.size || byteLength > largestDirectory || count * directoryBytes > byteLength) {
    throw damaged(
      `${where}: the archive's directory has ${count} entries in ${formatBytes(byteLength)} from byte ${offset}, ` +
        `the file has ${file.size}.`,
    );
  }
  const bytes = await file.read(offset, byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + directoryBytes > byteLength || view.getUint32(at, true) !== DIRECTORY) {
      throw damaged(`${where}: entry ${i} of the archive's directory is malformed.`);
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const next = at + directoryBytes + nameBytes + extraBytes + commentBytes;
    if (next > byteLength) throw damaged(`${where}: entry ${i} of the archive's directory is cut.`);
    const nameAt = at + directoryBytes;
    const name = decodeText(bytes.subarray(nameAt, nameAt + nameBytes), `${where}: a name of the archive`, 'text');
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    if (method !== 0 || flags & 1) {
      throw new CheckpointError(
        `${where}: '${name}' is ${flags & 1 ? 'encrypted' : `packed (method ${method})`}, expected to be stored as it is, ` +
          'as torch.save does. Save the model again.',
        { found: method, expected: 0 },
      );
    }
    if (entries.has(name)) throw damaged(`${where}: '${name}' is in the archive twice.`, { found: name });
    const sizes = sizesOf(view, at, { from: nameAt + nameBytes, to: nameAt + nameBytes + extraBytes });
    if (sizes.packed !== sizes.byteLength || sizes.header + localBytes + sizes.byteLength > file.size) {
      throw damaged(`${where}: '${name}' has ${sizes.byteLength} bytes, more than there are.`, {
        found: sizes.byteLength,
      });
    }
    entries.set(name, { name, byteLength: sizes.byteLength, header: sizes.header });
    at = next;
  }
  return entries;
}

/** The first byte of an entry's content. @throws CheckpointError for a damaged header */
export async function contentOf(file: ReadableFile, { name, byteLength, header }: ZipEntry): Promise<number> {
  const bytes = await file.read(header, localBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, localBytes);
  const begin = header + localBytes + view.getUint16(26, true) + view.getUint16(28, true);
  if (view.getUint32(0, true) === LOCAL && begin + byteLength <= file.size) return begin;
  throw damaged(`${file.name}: the header of '${name}' in the archive is malformed.`);
}

/** Where the directory is. @throws CheckpointError for what is no archive, or ends early */
async function findDirectory(file: ReadableFile) {
  const tailBytes = Math.min(file.size, endBytes + longestComment);
  const tail = await file.read(file.size - tailBytes, tailBytes);
  const view = new DataView(tail.buffer, tail.byteOffset, tailBytes);
  for (let at = tailBytes - endBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== END || at + endBytes + view.getUint16(at + 20, true) !== tailBytes) continue;
    const found = {
      count: view.getUint16(at + 10, true),
      byteLength: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
    const isLarge = found.count === 0xffff || found.byteLength === 0xffffffff || found.offset === 0xffffffff;
    const locator = file.size - tailBytes + at - locatorBytes;
    return isLarge && locator >= 0 ? ((await findDirectory64(file, locator)) ?? found) : found;
  }
  throw damaged(`${file.name}: the file ends before the directory of its archive.`);
}

async function findDirectory64(file: ReadableFile, locator: number) {
  const bytes = await file.read(locator, locatorBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, locatorBytes);
  if (view.getUint32(0, true) !== LOCATOR64) return undefined;
  const end = Number(view.getBigUint64(8, true));
  if (end + end64Bytes > file.size) throw damaged(`${file.name}: the directory of its archive is beyond its end.`);
  const record = await file.read(end, end64Bytes);
  const fields = new DataView(record.buffer, record.byteOffset, end64Bytes);
  if (fields.getUint32(0, true) !== END64) throw damaged(`${file.name}: the directory of its archive is malformed.`);
  const [count, byteLength, offset] = [32, 40, 48].map((field) => Number(fields.getBigUint64(field, true))) as [
    number,
    number,
    number,
  ];
  return { count, byteLength, offset };
}

/** Sizes and place of an entry; those that 32 bits do not hold are in an extra field. */
function sizesOf(view: DataView, at: number, { from, to }: { readonly from: number; readonly to: number }) {
  let [packed, byteLength, header] = [20, 24, 42].map((field) => view.getUint32(at + field, true)) as [
    number,
    number,
    number,
  ];
  for (let extra = from; extra + 4 <= to; extra += 4 + view.getUint16(extra + 2, true)) {
    if (view.getUint16(extra, true) !== 1) continue;
    const end = Math.min(to, extra + 4 + view.getUint16(extra + 2, true));
    let next = extra + 4;
    const wide = (narrow: number) => {
      if (narrow !== 0xffffffff || next + 8 > end) return narrow;
      next += 8;
      return Number(view.getBigUint64(next - 8, true));
    };
    byteLength = wide(byteLength);
    packed = wide(packed);
    header = wide(header);
    break;
  }
  return { packed, byteLength, header };
}

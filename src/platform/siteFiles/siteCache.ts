/**
 * The cache of one repository in the private files of a site: distillm/hub/models--organisation--name has
 *
 *     contents/DIGEST/0, 1, ...   pieces of a content, all of the same size but the last
 *     contents/DIGEST/whole       is there when the content is, with its size
 *     commits/COMMIT/PATH         the digest and the size of a file, its path as a part of a URL
 *     revisions/REVISION          the commit of a branch or tag
 *
 * A browser writes a file aside and swaps it in when it is closed: what a page had written of an open file is lost when the
 * page goes, so that contents are kept in pieces.
 */
import { missingFile, shortFile } from '../../io/fileStore.js';
import type { CachedFiles, HubCache, HubPart } from '../../io/hub/hubCache.js';
import type { HubName } from '../../io/hub/hubName.js';
import { isCommit } from '../../io/hub/listing.js';
import { createSha1 } from '../../sha1.js';
import { createSha256 } from '../../sha256.js';
import { requireRoom } from './room.js';
import { type SiteFolder, siteFolder } from './siteFolder.js';

/** Bytes of a piece: what a page that goes loses at most. */
const ordinaryPiece = 2 ** 23;

/** What is known of a file of a commit. */
interface Linked {
  readonly digest: string;
  readonly size: number;
}

/** @param root the private files of the site */
export function siteCache(
  root: FileSystemDirectoryHandle,
  { repository }: HubName,
  pieceBytes = ordinaryPiece,
): HubCache {
  const name = `distillm/hub/models--${repository.replace('/', '--')}`;
  const folder = siteFolder(root, name);
  const content = (digest: string) => folder.folder(`contents/${digest}`);
  return {
    name: folder.name,
    async commitOf(revision) {
      if (isCommit(revision)) return revision;
      const text = await folder.folder('revisions').text(encodeURIComponent(revision));
      return isCommit(text) ? text : undefined;
    },
    async keep(revision, commit) {
      if (revision !== commit) await folder.folder('revisions').write(encodeURIComponent(revision), commit);
    },
    lock: (signal) => takeLock(name, signal),
    has: async (digest) => (await content(digest).text('whole')) !== undefined,
    part: (digest) => partOf(content(digest), pieceBytes),
    requireRoom,
    link: (commit, path, digest, size) =>
      folder.folder(`commits/${commit}`).write(encodeURIComponent(path), JSON.stringify({ digest, size })),
    files: (commit) => filesOf(folder.folder(`commits/${commit}`), content, pieceBytes),
    hashes: { sha1: createSha1, sha256: createSha256 },
  };
}

/** Web locks of other tabs and workers are waited for; the browser gives back that of one which has gone. */
function takeLock(name: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const hold = () =>
      new Promise<void>((giveBack) => {
        resolve(async () => giveBack());
      });
    navigator.locks.request(name, signal ? { signal } : {}, hold).catch(reject);
  });
}

function partOf(folder: SiteFolder, pieceBytes: number): HubPart {
  const size = async () => {
    for (let piece = 0; ; piece++) {
      const bytes = (await folder.file(`${piece}`))?.size ?? 0;
      if (bytes < pieceBytes) return piece * pieceBytes + bytes;
    }
  };
  return {
    size,
    remove: () => folder.remove(),
    async write(from) {
      let piece = Math.floor(from / pieceBytes);
      const buffer = new Uint8Array(pieceBytes);
      let held = from - piece * pieceBytes;
      if (held > 0) buffer.set(await folder.read(`${piece}`, 0, held));
      // What is behind belongs to a try that began elsewhere.
      for (let behind = piece + 1; await folder.file(`${behind}`); behind++) await folder.remove(`${behind}`);
      const put = async () => {
        if (held === 0) return;
        await folder.write(`${piece}`, buffer.subarray(0, held));
        if (held < pieceBytes) return;
        piece++;
        held = 0;
      };
      return {
        async add(bytes) {
          for (let done = 0; done < bytes.byteLength; ) {
            const some = bytes.subarray(done, done + pieceBytes - held);
            buffer.set(some, held);
            held += some.byteLength;
            done += some.byteLength;
            if (held === pieceBytes) await put();
          }
        },
        close: put,
      };
    },
    async *read() {
      const bytes = await size();
      for (let at = 0; at < bytes; at += pieceBytes) {
        yield await folder.read(`${at / pieceBytes}`, 0, Math.min(pieceBytes, bytes - at));
      }
    },
    finish: async () => folder.write('whole', `${await size()}`),
  };
}

function filesOf(folder: SiteFolder, content: (digest: string) => SiteFolder, pieceBytes: number): CachedFiles {
  const linked = async (name: string): Promise<Linked | undefined> => {
    const text = await folder.text(name);
    return text === undefined ? undefined : (JSON.parse(text) as Linked);
  };
  const find = async (path: string): Promise<Linked> => {
    const found = await linked(encodeURIComponent(path));
    if (!found) throw missingFile(folder.name, path);
    return found;
  };
  const readInto = async (path: string, offset: number, target: Uint8Array<ArrayBuffer>) => {
    const { digest, size } = await find(path);
    const end = offset + target.byteLength;
    if (end > size) throw shortFile(folder.name, path, end, size);
    const pieces = content(digest);
    for (let at = offset; at < end; ) {
      const [piece, from] = [Math.floor(at / pieceBytes), at % pieceBytes];
      const length = Math.min(end - at, pieceBytes - from);
      target.set(await pieces.read(`${piece}`, from, length), at - offset);
      at += length;
    }
  };
  return {
    // A content never changes.
    stamp: async (path) => (await find(path)).digest,
    async read(path, offset = 0, length) {
      const target = new Uint8Array(length ?? Math.max(0, (await find(path)).size - offset));
      await readInto(path, offset, target);
      return target;
    },
    readInto,
    async list() {
      const names = await folder.names();
      if (!names) return undefined;
      const found = new Map<string, Linked>();
      for (const name of names) {
        const file = await linked(name);
        if (file) found.set(decodeURIComponent(name), file);
      }
      return found;
    },
  };
}

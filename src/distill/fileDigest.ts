/** SHA-256 of files: what was written is told from what is there. */
import { createSha256 } from '#platform';
import type { FileStore } from '../io/fileStore.js';

/** What was written as a file. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes a file, and says what was written. @throws CheckpointError as the store */
export async function writeHashed(
  write: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<WrittenFile> {
  const hash = createSha256();
  let bytes = 0;
  async function* hashed() {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
  await write(hashed());
  return { bytes, sha256: hash.digest() };
}

/** Whether a file has the bytes that were written for it. @throws CheckpointError where it cannot be read */
export const writtenAs = async (folder: FileStore, file: string, { bytes, sha256 }: WrittenFile): Promise<boolean> =>
  (await folder.size(file)) === bytes && (await digestOfFile(folder, file, bytes)) === sha256;

/** Bytes that are read at a time. */
const pieceBytes = 4 * 1024 * 1024;

/** @param bytes the size of the file */
export async function digestOfFile(folder: FileStore, file: string, bytes: number): Promise<string> {
  const hash = createSha256();
  const buffer = new Uint8Array(Math.min(bytes, pieceBytes));
  for (let offset = 0; offset < bytes; offset += pieceBytes) {
    const piece = buffer.subarray(0, Math.min(bytes - offset, pieceBytes));
    await folder.readInto(file, offset, piece);
    hash.update(piece);
  }
  return hash.digest();
}

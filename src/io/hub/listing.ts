/** What a revision of a repository on Hugging Face consists of: its commit, and the sizes and digests of its files. */
import { CheckpointError, formatBytes } from '../../errors.js';
import { inWords } from '../../inWords.js';
import { readBody } from '../body.js';
import { isObject, kindOf, parseJson } from '../json.js';
import { decodeText } from '../utf8.js';
import { type HubName, hubNameText } from './hubName.js';
import { type HubAccess, requestHub } from './requests.js';

export interface HubFile {
  readonly size: number;
  /** Of the content of a large file (Git LFS). */
  readonly sha256: string | undefined;
  /** Git's name of a small file: the SHA-1 of its content behind a header. */
  readonly blob: string | undefined;
}

export interface HubListing {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** By path. */
  readonly files: ReadonlyMap<string, HubFile>;
}

export const isCommit = (text: unknown): text is string => typeof text === 'string' && /^[0-9a-f]{40}$/.test(text);
const isSha256 = (text: unknown): text is string => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
/** No part of it leads elsewhere. */
const isInside = (path: string): boolean =>
  !/[\\:\0]/.test(path) && path.split('/').every((part) => part !== '' && !/^\.{1,2}$/.test(part));

/** @throws CheckpointError when there is no such revision, or the answer is not what the hub gives */
export async function listHub(access: HubAccess, name: HubName): Promise<HubListing> {
  const what = hubNameText(name);
  const { repository, revision } = name;
  const path = `/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const again = `Check ${access.settings.endpoint}, and try again.`;
  const answer = parseJson(
    await textOf(await requestHub(access, path, what), what, again),
    `${what}: the hub's answer`,
    again,
  );
  if (!isObject(answer) || !isCommit(answer.sha) || !Array.isArray(answer.siblings)) {
    throw new CheckpointError(
      `${what}: the hub's answer is ${kindOf(answer)}, expected a commit and its files. ${again}`,
    );
  }
  return { commit: answer.sha, files: new Map(answer.siblings.map((file) => fileOf(file, what))) };
}

/** Bytes. The longest lists of the hub, of 100,000 files, have about 30 MB. */
const largestListing = 2 ** 26;

async function textOf(response: Response, what: string, again: string): Promise<string> {
  const bytes = await readBody(response, {
    most: largestListing,
    tooLong: () =>
      new CheckpointError(
        `${what}: the hub's answer is longer than ${formatBytes(largestListing)}, which no list of files is. ${again}`,
        { expected: largestListing },
      ),
    cut: (cause) => new CheckpointError(`${what}: the hub's answer ended early (${cause}). Try again.`, { cause }),
  });
  return decodeText(bytes, `${what}: the hub's answer`, 'JSON');
}

function fileOf(file: unknown, what: string): [path: string, file: HubFile] {
  const { rfilename, size, blobId, lfs } = Object(file) as Record<string, unknown>;
  const large = isObject(lfs) ? lfs : undefined;
  const sha256 = large?.sha256;
  const bytes = large?.size ?? size;
  if (
    typeof rfilename !== 'string' ||
    !isInside(rfilename) ||
    !Number.isSafeInteger(bytes) ||
    (bytes as number) < 0 ||
    !(isSha256(sha256) || isCommit(blobId))
  ) {
    throw new CheckpointError(
      `${what}: the hub lists a file as ${inWords(file)}, expected its name, size and digest.`,
      {
        found: file,
      },
    );
  }
  const found = { size: bytes as number, sha256: isSha256(sha256) ? sha256 : undefined };
  return [rfilename, { ...found, blob: isCommit(blobId) ? blobId : undefined }];
}

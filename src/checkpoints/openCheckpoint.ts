/** The way from a path, URL or store to a checkpoint. */
import { CheckpointError, OptionError } from '../errors.js';
import { quotedPath } from '../inWords.js';
import type { FileStore } from '../io/fileStore.js';
import { isBareHubName, isHubName, parseHubName } from '../io/hub/hubName.js';
import { isWebAddress } from '../io/webAddress.js';
import { locationOf, type OpenOptions, openFile, openFolder, openOptions } from '../platform/openFolder.js';
import { checkOption, checkOptions, type Fields, hasMethods, special } from '../settings/index.js';
import { isSystemError, systemReason } from '../systemReason.js';
import { findBase, requirePlain } from './adapterBase.js';
import { type Checkpoint, type CheckpointKind, contentsOf, type OpenBase } from './checkpoint.js';
import { gguf, openGgufCheckpoint } from './gguf/index.js';
import { huggingFace } from './huggingFace.js';

/**
 * A folder's path, a URL, a name on Hugging Face or a store, see `openFolder`; the path, URL or name of a GGUF file
 * (`.gguf`, on disk any); or a checkpoint that was opened before.
 */
export type CheckpointSource = string | FileStore | Checkpoint;

/** Takes the source of a checkpoint, for arguments. */
export const checkpointOption = special<CheckpointSource>(
  "a folder's path, a URL, a FileStore or an opened checkpoint",
  (value) =>
    typeof value === 'string'
      ? value !== ''
      : hasMethods(value, 'read', 'exists') || hasMethods(value, 'tensors', 'config'),
);

/** How a checkpoint is opened. */
export interface OpenCheckpointOptions extends OpenOptions {
  /** For a folder that holds an adapter: the model that it was trained on, in place of the one that it names. */
  readonly base?: CheckpointSource | undefined;
}

const checkpointOptions = openOptions.extend({ base: checkpointOption.optional() } satisfies Pick<
  Fields<OpenCheckpointOptions>,
  'base'
>);

const kinds: readonly CheckpointKind[] = [huggingFace, gguf];

/**
 * Opens a checkpoint: finds out of which kind it is, and reads nothing yet. `loadModel`, `loadTokenizer` and
 * `savedTemplate` do this by themselves; opened once and given to all three, its files are looked for and read once.
 * @param source a folder's path, a URL, a name on Hugging Face (`hf:organisation/name@revision`) or a FileStore, with the
 * files of Hugging Face or one GGUF file; the path, URL or name of a GGUF file; an opened checkpoint is given back, of whose
 * files only what opened them can tell. Of a folder that holds an adapter (PEFT's LoRA) config and tensors are those of its base,
 * which is looked for when it is first needed: the name in adapter_config.json may be a path, also from the folder itself,
 * or a model on Hugging Face
 * @example
 * const checkpoint = await openCheckpoint('./runs/dolly/best');
 * const model = await loadModel(checkpoint, { device });
 * const tokenizer = await loadTokenizer(checkpoint);
 * @throws OptionError for another source or option; CheckpointError when there is none, with what was looked for and what is there
 */
export async function openCheckpoint(
  source: CheckpointSource,
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  checkOption('openCheckpoint', 'source', source, checkpointOption);
  const { base, ...checked } = checkOptions('openCheckpoint', checkpointOptions, options);
  if (typeof source !== 'string' && 'tensors' in source) {
    if (base === undefined) return source;
    throw new OptionError(
      `${source.name} is opened already: its base is what it was opened with. Give openCheckpoint the base.`,
      {
        option: 'base',
      },
    );
  }
  if (typeof source === 'string') refusePage(source);
  // Opened first: a page cannot resolve every path.
  const location = () => (typeof source === 'string' ? locationOf(source) : undefined);
  const file = typeof source === 'string' && namesGguf(source) ? openFile(source, checked) : undefined;
  if (file && (await file.store.exists(file.path)))
    return { ...openGgufCheckpoint(file.store, file.path), location: location() };
  const store = openFolder(source, checked);
  const openBase: OpenBase = async (where, fields) => {
    const open = (place: CheckpointSource) => openCheckpoint(place, checked);
    return requirePlain(
      await (base === undefined ? findBase({ where, fields, location: location(), open }) : open(base)),
      where,
    );
  };
  for (const kind of kinds)
    if (await kind.isIn(store)) return { ...(await kind.open(store, openBase)), location: location() };
  const bare = await bareGguf(source, checked);
  if (bare) return { ...openGgufCheckpoint(bare.store, bare.path), location: location() };
  throw (await noFolder(source)) ?? (await noCheckpoint(store));
}

/** A file of a disk that begins as GGUF files do, though its name does not end so: ollama names them by their digests. */
async function bareGguf(
  source: string | FileStore,
  options: OpenOptions,
): Promise<ReturnType<typeof openFile> | undefined> {
  if (typeof source !== 'string' || isHubName(source) || isWebAddress(source)) return undefined;
  const file = openFile(source, options);
  const begins = async () => {
    if (!(await file.store.exists(file.path))) return false;
    return new TextDecoder().decode(await file.store.read(file.path, 0, 4)) === 'GGUF';
  };
  // Why it cannot be read is told of the path.
  return (await begins().catch(() => false)) ? file : undefined;
}

/** @throws CheckpointError for the address of a model's page on Hugging Face, which has no files below it */
function refusePage(source: string): void {
  const page =
    /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([^/?#]+\/[^/?#]+)(?:\/tree\/([^/?#]+))?\/?(?:[?#].*)?$/i;
  const [, name, revision] = page.exec(source) ?? [];
  if (name === undefined) return;
  const meant = `hf:${name}${revision === undefined ? '' : `@${revision}`}`;
  throw new CheckpointError(
    `${source}: there is no checkpoint: this is the page of a model. Give ${quotedPath(meant)} instead.`,
    { found: source, expected: meant },
  );
}

/** A repository on Hugging Face may be called so as well. */
const namesGguf = (source: string): boolean =>
  isHubName(source)
    ? /\.gguf$/i.test(source) && parseHubName(source).path !== ''
    : // Hugging Face's own links end with '?download=true'.
      (isWebAddress(source) ? /\.gguf(?:[?#]|$)/i : /\.gguf$/i).test(source);

const lookedFor = kinds.map(({ looksLike }) => looksLike);

/** Why there is no folder, or none that can be read; undefined where the files are a store's, or that cannot be said. */
async function noFolder(source: string | FileStore): Promise<CheckpointError | undefined> {
  if (typeof source !== 'string' || isHubName(source)) return undefined;
  const cause = await openFolder(source)
    .list()
    .then(
      () => undefined,
      (error: unknown) => (error as Error).cause,
    );
  const namesFile = /[^/\\]+\.(safetensors|json|txt|bin|gguf)$/i.test(source);
  if (namesFile || (isSystemError(cause) && cause.code === 'ENOTDIR')) {
    const { store, path } = openFile(source);
    if (await store.exists(path)) {
      const advice = /\.tiktoken$/i.test(source)
        ? "For a file of tiktoken's, in code loadTokenizer takes the option tiktoken: { pattern, specialTokens }."
        : `Give ${quotedPath(store.name)} instead.`;
      return new CheckpointError(`${source} is a file, expected the folder of a checkpoint. ${advice}`, {
        found: source,
        expected: store.name,
      });
    }
  }
  if (!isSystemError(cause)) return undefined;
  const advice =
    cause.code === 'ENOENT' && isBareHubName(source) && !namesFile
      ? ` For the model of this name on Hugging Face, give 'hf:${source}'.`
      : '';
  return new CheckpointError(`${source}: there is no checkpoint: ${systemReason(cause)}${advice}`, {
    expected: lookedFor,
    cause,
  });
}

async function noCheckpoint(store: FileStore): Promise<CheckpointError> {
  const found = await contentsOf(store);
  const advice = await adviceBelow(store);
  return new CheckpointError(
    `${store.name}: there is no checkpoint, expected ${lookedFor.join(' or ')}, ${found}. ${advice}`,
    { expected: lookedFor, found },
  );
}

/** Folders that are looked into, and that a message names. */
const [mostFolders, mostNamed] = [200, 5];

/** Names the checkpoints that lie a level down. */
async function adviceBelow(store: FileStore): Promise<string> {
  if (await holdsCheckpoint(store, 'best'))
    return `A run wrote its model to ${quotedPath(`${store.name}/best`)}: give that.`;
  const folders = await store.list().then(
    (names) => names.folders,
    () => [],
  );
  const held: string[] = [];
  for (const name of folders.slice(0, mostFolders)) {
    if (held.length < mostNamed && (await holdsCheckpoint(store, name))) held.push(`${store.name}/${name}`);
  }
  if (held.length === 0) return 'Check the path.';
  return held.length === 1
    ? `Did you mean ${quotedPath(held[0] as string)}?`
    : `There is one in each of ${held.join(', ')}: give one of them.`;
}

async function holdsCheckpoint(store: FileStore, folder: string): Promise<boolean> {
  for (const kind of kinds) if (await kind.isIn(store.folder(folder))) return true;
  return false;
}

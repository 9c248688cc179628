/**
 * A GGUF file (llama.cpp), or the parts that one was split into, as a checkpoint: its keys give the fields of
 * config.json, the tokenizer and the chat template; its tensors have the names and the order of a Hugging Face folder,
 * and stay in the format that they are stored in.
 */
import { CheckpointError } from '../../errors.js';
import { quotedPath } from '../../inWords.js';
import { changed } from '../../io/changed.js';
import type { FileStore } from '../../io/fileStore.js';
import { openGguf } from '../../io/gguf/index.js';
import { joined } from '../../io/joined.js';
import { once } from '../../io/once.js';
import type { Checkpoint, CheckpointKind } from '../checkpoint.js';
import { type Architecture, type GgufModel, nameOf } from './architecture.js';
import { findArchitecture } from './architectures.js';
import { type Metadata, metadataOf } from './metadata.js';
import { generationConfigOf, tokenizerFilesOf } from './tokenizer/files.js';
import { tokensOf } from './tokenizer/tokens.js';

const isGguf = /\.gguf$/i;
/** model-00001-of-00003.gguf */
const isPart = /^(.*-)(\d+)(-of-\d+\.gguf)$/i;

export const gguf: CheckpointKind = {
  looksLike: 'a GGUF file',
  isIn: async (store) => (await filesIn(store)).length > 0,
  async open(store) {
    const files = (await filesIn(store)).filter((file) => Number(isPart.exec(file)?.[2] ?? 1) === 1);
    if (files.length === 1) return openGgufCheckpoint(store, files[0] as string);
    throw new CheckpointError(
      `${store.name}: there are ${files.length} GGUF files, expected one: ${files.join(', ')}. ` +
        `Name one of them: ${quotedPath(`${store.name}/${files[0]}`)}.`,
      { found: files, expected: 1 },
    );
  },
};

/** The GGUF files of a store; none of one that cannot list them. */
const filesIn = (store: FileStore): Promise<readonly string[]> =>
  store.list().then(
    ({ files }) => files.filter((file) => isGguf.test(file)).sort(),
    () => [],
  );

/** What is in one file. Nothing is read yet. */
export function openGgufCheckpoint(store: FileStore, path: string): Checkpoint {
  const name = `${store.name}/${path}`;
  const model = once(() => readModel(store, path));
  const config = once(async () => {
    const { metadata, tensors } = await model();
    const fields = { ...(await findArchitecture(metadata).fields({ metadata, tensors })), ...tokenIds(metadata) };
    return { name, fields };
  });
  const has = (metadata: Metadata) => metadata.has('tokenizer.ggml.tokens');
  const companionFiles = once(async () => {
    const { metadata } = await model();
    return new Map(has(metadata) ? [['generation_config.json', generationConfigOf(tokensOf(metadata))]] : []);
  });
  return {
    name,
    storedAs: 'a GGUF file',
    tokenizerLooksLike: 'the key tokenizer.ggml.model in the GGUF file',
    config,
    tensors: once(async () => {
      const { metadata, tensors } = await model();
      return asHuggingFace(tensors, findArchitecture(metadata), (await config()).fields);
    }),
    tokenizerFiles: once(async () => tokenizerFilesOf((await model()).metadata)),
    companionFiles,
    inheritedFiles: companionFiles,
    promptTemplate: async () => undefined,
    adapter: async () => undefined,
  };
}

/** All parts of a model. @throws CheckpointError where one is missing */
async function readModel(store: FileStore, path: string): Promise<GgufModel> {
  const first = await openGguf(store, path);
  const metadata = metadataOf(first);
  const parts = metadata.number('split.count', 1);
  if (parts <= 1) return { metadata, tensors: first.tensors };
  const [, begin, number = '', end] = isPart.exec(path) ?? [];
  if (Number(number) !== 1) {
    throw new CheckpointError(
      `${first.name}: the file is one of the ${parts} parts of a model. Name the first, ...-00001-of-....gguf.`,
      { found: path },
    );
  }
  const others = Array.from(
    { length: Math.min(parts, 10_000) - 1 },
    (_, index) => `${begin}${String(index + 2).padStart(number.length, '0')}${end}`,
  );
  const sources = [first.tensors];
  for (const other of others) sources.push((await openGguf(store, other)).tensors);
  return { metadata, tensors: joined(first.name, sources) };
}

const asHuggingFace = (
  tensors: GgufModel['tensors'],
  architecture: Architecture,
  fields: Readonly<Record<string, unknown>>,
) =>
  changed(tensors, (stored, entry) => {
    const named = nameOf(architecture, stored);
    if (!named) return undefined;
    const change = architecture.change?.(named.part, entry, fields);
    return { name: named.name, ...(change && { change }) };
  });

/** The ids of special tokens as config.json has them. */
function tokenIds(metadata: Metadata): Readonly<Record<string, unknown>> {
  if (!metadata.has('tokenizer.ggml.tokens')) return {};
  const { roles, ends } = tokensOf(metadata);
  return {
    bos_token_id: roles.bos ?? null,
    eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null),
    pad_token_id: roles.pad ?? null,
  };
}

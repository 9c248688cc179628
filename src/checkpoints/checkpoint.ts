/** What a checkpoint is, whatever stores it. */
import type { FileStore } from '../io/fileStore.js';
import type { TensorSource } from '../io/tensorSource.js';

/**
 * What a checkpoint offers to models and tokenizers. Each part is read when it is first asked for, and then kept (of
 * the tensors, their names and places): models, tokenizers and templates that come from one checkpoint share the work.
 */
export interface Checkpoint {
  /** For messages: "./gpt2". */
  readonly name: string;
  /** What stores it: 'a Hugging Face folder', 'a GGUF file'. */
  readonly storedAs: string;
  /** Where it can be opened again, from anywhere: a whole path, a URL, hf:organisation/name. Undefined for a FileStore. */
  readonly location?: string | undefined;
  /** By what it would have a tokenizer, for messages: 'tokenizer.json, or ...'. */
  readonly tokenizerLooksLike: string;
  /** @throws CheckpointError when there is none, or it is malformed */
  config(): Promise<CheckpointConfig>;
  /** The tensors as they are stored. @throws CheckpointError when there are none, or a file is malformed */
  tensors(): Promise<TensorSource>;
  /**
   * The files of a Hugging Face tokenizer by name, those with token ids (config.json) too; undefined when there is
   * none.
   */
  tokenizerFiles(): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
  /**
   * Small files beside the model's and the tokenizer's, by name, which a trained model should keep:
   * generation_config.json, chat_template.jinja, a licence.
   * @param asks whether a store that cannot list its files is asked for those that are usual. Default true
   */
  companionFiles(asks?: boolean): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Those of them that a model which is made from this one has as well, with fewer layers or weights of its own:
   * generation_config.json, chat_template.jinja, a licence. The model card and other files that tell of this model are
   * none of them.
   */
  inheritedFiles(): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Name of the prompt template that the model was trained with; undefined when the checkpoint does not say.
   * @throws CheckpointError when it is malformed
   */
  promptTemplate(): Promise<string | undefined>;
  /**
   * The adapter (LoRA) of a folder of PEFT, whose base has the config and the tensors; undefined when there is none.
   * @throws CheckpointError when it is malformed
   */
  adapter(): Promise<CheckpointAdapter | undefined>;
}

/** Trained additions to the weights of a base model, as PEFT stores them. */
export interface CheckpointAdapter {
  /** For messages: "./lora/adapter_config.json". */
  readonly name: string;
  /** The fields of PEFT's adapter_config.json. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The model that it was trained on. @throws CheckpointError where it cannot be found, with what was looked for */
  base(): Promise<Checkpoint>;
  /** The tensors as they are stored. @throws CheckpointError when there are none, or a file is malformed */
  tensors(): Promise<TensorSource>;
}

/** The configuration of a stored model. */
export interface CheckpointConfig {
  /** For messages: "./gpt2/config.json". */
  readonly name: string;
  /** The fields of Hugging Face's config.json. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Opens the model that an adapter was trained on. @param where adapter_config.json, for messages. @param fields its own */
export type OpenBase = (where: string, fields: CheckpointAdapter['fields']) => Promise<Checkpoint>;

/** One way to store a checkpoint. */
export interface CheckpointKind {
  /** By what it is recognised, for messages: "a Hugging Face folder (config.json, ...)". */
  readonly looksLike: string;
  isIn(store: FileStore): Promise<boolean>;
  /**
   * @param openBase for the adapter, if it holds one
   * @throws CheckpointError where it must be said which of several is meant
   */
  open(store: FileStore, openBase: OpenBase): Promise<Checkpoint> | Checkpoint;
}

/** What a store holds, for messages: "found config.json, best/", or why that cannot be said. */
export async function contentsOf(store: FileStore): Promise<string> {
  try {
    const { files, folders } = await store.list();
    const names = [...files, ...folders.map((folder) => `${folder}/`)].sort();
    const most = 20;
    const more = names.length > most ? ` and ${names.length - most} more` : '';
    return names.length === 0 ? 'found no files' : `found ${names.slice(0, most).join(', ')}${more}`;
  } catch (error) {
    return `its files cannot be listed (${(error as Error).message})`;
  }
}

/**
 * The interface between a model and all that trains or runs it. It holds for decoder-only and encoder-decoder models.
 */
import type { Device } from '../backend/backend.js';
import type { LabelledBatch, Sample, TokenBatch } from '../data/batch.js';
import { hasMethods, special } from '../settings/index.js';
import type { Tensor, Weight, WeightFormat } from '../tensor/index.js';

/** What a forward pass of training does besides. */
export interface ForwardOptions {
  /**
   * Training: switches the config's dropout on; the masks are a function of this seed, the layer and the place in it.
   */
  readonly dropoutSeed?: number;
  /**
   * Training: keeps only the input of each layer for the backward pass, which computes the layer again. Less memory for
   * about a third more time; the gradients have the same bits. Default false.
   */
  readonly gradientCheckpointing?: boolean;
}

/**
 * A low-rank adapter (LoRA), which is trained in place of the model's own parameters. These are frozen, and may be held in any
 * dtype.
 */
export interface LoraAdapter {
  /** The fields of PEFT's adapter_config.json, for saving: `r`, `lora_alpha`, `target_modules` and others. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether it was begun by this load, which chose its rank; false for one that was stored. */
  readonly isNew: boolean;
  /** Which of the model's `parameters` are the adapter's: its matrices, and what `modulesToSave` names. */
  readonly parameters: readonly string[];
}

/** Sequences that are being continued, one token each a step. Owns padding, positions and every cache. */
export interface Decoding {
  /**
   * Hidden states of the newest position of each running sequence, [running, hiddenSize]. The caller disposes of them.
   * @param ids the token that each running sequence got last; none at the first call, which reads the prompts
   * @throws OptionError for ids of another number or outside the vocabulary; LimitError when every sequence has got its
   * `newTokens`; DisposedError
   */
  next(ids?: Int32Array): Tensor;
  /**
   * Keeps the running sequences at these indices and ends the others. The kept ones are numbered anew, in order. The
   * memory shrinks when at most half of the sequences that it holds still run.
   * @param indices at least one, ascending, each once; to end all sequences, dispose of the decoding
   * @throws OptionError for other indices, and before the first `next`; DisposedError
   */
  keep(indices: readonly number[]): void;
  /** Frees the caches. Twice is harmless. */
  dispose(): void;
}

/**
 * A language model of any family. Prompt and answer reach it through `collate`, `room` and `startDecoding`, which know
 * whether an answer continues its prompt (decoder-only models) or is a sequence of its own (encoder-decoder models).
 */
export interface LanguageModel {
  /** `model_type` of config.json. */
  readonly family: string;
  /** Holds the model. */
  readonly device: Device;
  /** The fields of config.json as they were read, for saving. */
  readonly config: Readonly<Record<string, unknown>>;
  /**
   * Further files of the folder that the model was loaded from, by name: generation_config.json, chat_template.jinja, a
   * licence. `saveModel` writes them as they are. A model of some of the layers has none that tell of the whole one, such
   * as its card; a model with random weights has none at all.
   */
  readonly companionFiles: ReadonlyMap<string, Uint8Array>;
  /**
   * Name of the prompt template that the model was trained with: `loadModel` takes it from the checkpoint, a training from
   * its data, and `saveModel` keeps it. `generateText` puts prompts into it. May be set; undefined where nothing says it.
   */
  promptTemplate?: string | undefined;
  /** Width of the logits. */
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Blocks of the decoder. */
  readonly numLayers: number;
  /** Blocks of the encoder; undefined for decoder-only models. */
  readonly numEncoderLayers?: number | undefined;
  /** Longest sequence in tokens; Infinity where positions are relative, so that any length can be read. */
  readonly maxPositions: number;
  /**
   * Of an encoder-decoder model the token before the first of every answer. Undefined for decoder-only models, whose
   * answers continue their prompts.
   */
  readonly startTokenId?: number | undefined;
  /** What is held as f32 tensors, trained or frozen, by checkpoint names; tied ones once. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /**
   * The matrices by checkpoint names, in the format in which they are held. The values of f32 ones are in `parameters`
   * too.
   */
  readonly weights: ReadonlyMap<string, Weight>;
  /** What is trained in place of the parameters above, where the model was loaded so; undefined of all others. */
  readonly adapter?: LoraAdapter | undefined;
  /** LM head, [vocabSize, hiddenSize]; the token embedding itself where they are tied. */
  readonly head: Weight;
  /**
   * The inputs and labels of samples that are trained on, padded to one batch. Labels are already shifted. In the batch
   * of an encoder-decoder model `source` has the prompts, with EOS behind those that do not end with it.
   * @throws OptionError without samples; DataError, with its index, for one that is empty, malformed, or has an id
   * outside the vocabulary
   */
  collate(samples: readonly Sample[]): LabelledBatch;
  /**
   * Final hidden states (after the last norm), [batch, seq, hiddenSize]. Feed them and `head` to a loss or to
   * `headLogits`. Call it inside `tidy`.
   * @throws OptionError for an id outside the vocabulary, for a batch without `source` in an encoder-decoder model, and
   * for one with it in another; ShapeError for arrays of other sizes than batch and seq say; LimitError when a row has
   * more tokens than the model has positions
   */
  forward(batch: TokenBatch, options?: ForwardOptions): Tensor;
  /**
   * New tokens that an answer to a prompt of so many tokens may have; 0 or less when not even the prompt fits, Infinity
   * where only memory limits them.
   */
  room(promptLength: number): number;
  /**
   * Starts to answer prompts side by side, `newTokens` each at most. At least one prompt, none of them empty. An
   * encoder-decoder model reads EOS behind a prompt that does not end with it.
   * @throws OptionError for other prompts, or an id outside the vocabulary; LimitError when the model has no room for
   * `newTokens`, or the caches do not fit the device
   */
  startDecoding(prompts: readonly Int32Array[], newTokens: number): Decoding;
  /**
   * The same model without its values on a meta device (`Device.meta`), where it takes the room that it takes on its own.
   * Parameters that are trained are trained there too.
   * @param change the dtype in which its matrices would be held, as they are by default; how many of its layers, the first
   * ones of each stack, all by default
   * @internal
   */
  onMeta(
    meta: Device,
    change?: { readonly dtype?: WeightFormat | undefined; readonly layers?: number | undefined },
  ): Promise<LanguageModel>;
  /**
   * Marks all parameters as trained (or not), of a model with an adapter those of the adapter: only then do they get
   * gradients.
   */
  setTrainable(trainable: boolean): void;
  /** Frees all weights. Twice is harmless. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** Takes a model, for options and arguments. */
export const modelOption = special<LanguageModel>(
  'a model, as loadModel gives it after await',
  (value) => hasMethods(value, 'collate') && Object(value).parameters instanceof Map,
);

/**
 * A SentencePiece model in a GGUF file ("llama": BPE, "t5": Unigram), put together again as the `.model` file that it was
 * made from: pieces with scores and types, and how texts are normalized.
 */

import { concatenate } from '../../../io/concatenate.js';
import type { Metadata } from '../metadata.js';
import { listOf, type Tokens, tokenTypes } from './tokens.js';

/** Fields of SentencePiece's messages. */
const [PIECES, TRAINER, NORMALIZER] = [1, 2, 3];
const [MODEL_TYPE, BYTE_FALLBACK, UNKNOWN_ID, BOS_ID, EOS_ID, PAD_ID] = [3, 35, 40, 41, 42, 43];
const [CHARSMAP, ADD_PREFIX, REMOVE_SPACES] = [2, 3, 4];
const [UNIGRAM, BPE] = [1, 2];

/** The content of tokenizer.model. @throws CheckpointError where lists do not fit each other */
export function sentencePieceModel(
  metadata: Metadata,
  { texts, typeOf, roles }: Tokens,
  kind: 'llama' | 't5',
): Uint8Array<ArrayBuffer> {
  const scores = listOf(metadata, 'scores', texts.length);
  const isByte = (id: number) => typeOf(id) === tokenTypes.byte;
  const unknown = roles.unk ?? texts.findIndex((_, id) => typeOf(id) === tokenTypes.unknown);
  const charsmap = metadata.numbers('tokenizer.ggml.precompiled_charsmap');
  const isBpe = kind === 'llama';
  return concatenate([
    ...texts.map((text, id) =>
      message(PIECES, [bytes(1, new TextEncoder().encode(text)), float(2, scores?.[id] ?? 0), varint(3, typeOf(id))]),
    ),
    message(TRAINER, [
      varint(MODEL_TYPE, isBpe ? BPE : UNIGRAM),
      varint(BYTE_FALLBACK, texts.some((_, id) => isByte(id)) ? 1 : 0),
      ...optional(UNKNOWN_ID, unknown < 0 ? undefined : unknown),
      ...optional(BOS_ID, roles.bos),
      ...optional(EOS_ID, roles.eos),
      ...optional(PAD_ID, roles.pad),
    ]),
    message(NORMALIZER, [
      ...(charsmap
        ? [
            bytes(
              CHARSMAP,
              Uint8Array.from(charsmap, (byte) => byte & 255),
            ),
          ]
        : []),
      varint(ADD_PREFIX, metadata.flag('tokenizer.ggml.add_space_prefix', true) ? 1 : 0),
      varint(REMOVE_SPACES, metadata.flag('tokenizer.ggml.remove_extra_whitespaces', !isBpe) ? 1 : 0),
    ]),
  ]);
}

/** Protocol buffers: a tag (number and kind of the field), then its content. */
function digits(value: number): number[] {
  const all: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...all, rest];
    all.push((rest % 128) + 128);
  }
}
const varint = (field: number, value: number): Uint8Array => Uint8Array.from([...digits(8 * field), ...digits(value)]);
const optional = (field: number, value: number | undefined) => (value === undefined ? [] : [varint(field, value)]);
const bytes = (field: number, content: Uint8Array): Uint8Array =>
  concatenate([Uint8Array.from([...digits(8 * field + 2), ...digits(content.byteLength)]), content]);
const message = (field: number, fields: readonly Uint8Array[]): Uint8Array => bytes(field, concatenate(fields));
function float(field: number, value: number): Uint8Array {
  const content = new Uint8Array(4);
  new DataView(content.buffer).setFloat32(0, value, true);
  return concatenate([Uint8Array.from(digits(8 * field + 5)), content]);
}

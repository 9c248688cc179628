/**
 * A GGUF file of a LLaMA model with random weights, as llama.cpp's own tools would write it: norms in F32, and an embedding
 * (the head as well) that Q4_0 leaves in Q8_0, because its rows are no multiple of 256.
 */
import { noise } from '../frame/measure.ts';
import type { LlamaShape } from '../frame/smolLM2.ts';

/** A dtype: its number, the elements and bytes of a block, and how random bytes become weights of up to 0.03. */
interface BlockDType {
  readonly type: number;
  readonly elements: number;
  readonly bytes: number;
  readonly mend: (random: Uint8Array) => void;
}

/** A scale (f16, little-endian) begins each block. */
const scaled = (type: number, bytes: number, scale: number): BlockDType => ({
  ...{ type, elements: 32, bytes },
  mend(target) {
    for (let at = 0; at < target.length; at += bytes) {
      target[at] = scale & 255;
      target[at + 1] = scale >> 8;
    }
  },
});
const f32: BlockDType = {
  ...{ type: 0, elements: 1, bytes: 4 },
  // Norms are ones.
  mend: (target) => new Float32Array(target.buffer, target.byteOffset, target.length / 4).fill(1),
};
const dtypes = {
  // Exponents of 2^-6, any sign and fraction.
  F16: {
    ...{ type: 1, elements: 1, bytes: 2 },
    mend(target: Uint8Array) {
      for (let at = 1; at < target.length; at += 2) target[at] = ((target[at] as number) & 0x83) | 0x24;
    },
  },
  // 2^-12 and 2^-8 as f16: integers up to 127 and 8 make weights up to 0.03.
  Q8_0: scaled(8, 34, 0x0c00),
  Q4_0: scaled(2, 18, 0x1c00),
} satisfies Record<string, BlockDType>;
export type GgufDType = keyof typeof dtypes;

interface Named {
  readonly name: string;
  /** The contiguous axis first. */
  readonly extents: readonly number[];
  readonly dtype: BlockDType;
}

const alignment = 32;
const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
const bytesOf = ({ extents, dtype }: Named) => (extents.reduce((a, b) => a * b) / dtype.elements) * dtype.bytes;

/** The bytes of the file, in pieces. */
export function* ggufModel(shape: LlamaShape, gguf: GgufDType): Generator<Uint8Array> {
  const tensors = tensorsOf(shape, dtypes[gguf], gguf === 'Q4_0' ? dtypes.Q8_0 : dtypes[gguf]);
  const header = headerOf(keysOf(shape), tensors);
  yield header;
  yield new Uint8Array(padded(header.length) - header.length);
  for (const [index, tensor] of tensors.entries()) {
    const bytes = Uint8Array.from(noise(padded(bytesOf(tensor)), index + 1), (value) => 128 * (value + 1));
    tensor.dtype.mend(bytes.subarray(0, bytesOf(tensor)));
    yield bytes;
  }
}

function tensorsOf(shape: LlamaShape, matrix: BlockDType, embedding: BlockDType): Named[] {
  const { hidden_size: width, intermediate_size: inner, vocab_size: vocab } = shape;
  const keys = (width / shape.num_attention_heads) * shape.num_key_value_heads;
  const block = (layer: number): Named[] => {
    const of = (name: string, dtype: BlockDType, ...extents: number[]) => ({
      ...{ name: `blk.${layer}.${name}.weight`, extents, dtype },
    });
    return [
      of('attn_norm', f32, width),
      of('attn_q', matrix, width, width),
      of('attn_k', matrix, width, keys),
      of('attn_v', matrix, width, keys),
      of('attn_output', matrix, width, width),
      of('ffn_norm', f32, width),
      of('ffn_gate', matrix, width, inner),
      of('ffn_up', matrix, width, inner),
      of('ffn_down', matrix, inner, width),
    ];
  };
  return [
    { name: 'token_embd.weight', extents: [width, vocab], dtype: embedding },
    ...Array.from({ length: shape.num_hidden_layers }, (_, layer) => block(layer)).flat(),
    { name: 'output_norm.weight', extents: [width], dtype: f32 },
  ];
}

type Value =
  | readonly ['text', string]
  | readonly ['uint32', number]
  | readonly ['float32', number]
  | readonly ['texts', readonly string[]]
  | readonly ['int32s', readonly number[]];

function keysOf(shape: LlamaShape): Readonly<Record<string, Value>> {
  const { vocab_size: vocab, hidden_size: width, num_attention_heads: heads } = shape;
  return {
    'general.architecture': ['text', 'llama'],
    'llama.context_length': ['uint32', shape.max_position_embeddings],
    'llama.embedding_length': ['uint32', width],
    'llama.block_count': ['uint32', shape.num_hidden_layers],
    'llama.feed_forward_length': ['uint32', shape.intermediate_size],
    'llama.attention.head_count': ['uint32', heads],
    'llama.attention.head_count_kv': ['uint32', shape.num_key_value_heads],
    'llama.attention.layer_norm_rms_epsilon': ['float32', shape.rms_norm_eps],
    'llama.rope.dimension_count': ['uint32', width / heads],
    'llama.rope.freq_base': ['float32', shape.rope_theta],
    'llama.vocab_size': ['uint32', vocab],
    // Tokens that nobody reads: only ids go in and out.
    'tokenizer.ggml.model': ['text', 'gpt2'],
    'tokenizer.ggml.pre': ['text', 'smollm'],
    'tokenizer.ggml.tokens': ['texts', Array.from({ length: vocab }, (_, id) => (id < 256 ? byteToken(id) : `t${id}`))],
    'tokenizer.ggml.token_type': ['int32s', new Array(vocab).fill(1)],
    'tokenizer.ggml.merges': ['texts', ['a b']],
    'tokenizer.ggml.eos_token_id': ['uint32', vocab - 1],
  };
}

/** The character that stands for a byte in byte-level vocabularies: printable ones for themselves. */
const isPrintable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
function byteToken(byte: number): string {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  const others = Array.from({ length: byte }, (_, each) => each).filter((each) => !isPrintable(each)).length;
  return String.fromCharCode(256 + others);
}

function headerOf(keys: Readonly<Record<string, Value>>, tensors: readonly Named[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const put = (bytes: number, write: (view: DataView) => void) => {
    const view = new DataView(new ArrayBuffer(bytes));
    write(view);
    parts.push(new Uint8Array(view.buffer));
  };
  const uint32 = (value: number) => put(4, (view) => view.setUint32(0, value, true));
  const uint64 = (value: number) => put(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    uint64(bytes.length);
    parts.push(bytes);
  };
  const list = <T>(type: number, values: readonly T[], write: (value: T) => void) => {
    uint32(9);
    uint32(type);
    uint64(values.length);
    for (const value of values) write(value);
  };
  parts.push(new TextEncoder().encode('GGUF'));
  uint32(3);
  uint64(tensors.length);
  uint64(Object.keys(keys).length);
  for (const [key, value] of Object.entries(keys)) {
    text(key);
    if (value[0] === 'text') {
      uint32(8);
      text(value[1]);
    } else if (value[0] === 'uint32') {
      uint32(4);
      uint32(value[1]);
    } else if (value[0] === 'float32') {
      uint32(6);
      put(4, (view) => view.setFloat32(0, value[1], true));
    } else if (value[0] === 'texts') list(8, value[1], text);
    else list(5, value[1], uint32);
  }
  let offset = 0;
  for (const tensor of tensors) {
    text(tensor.name);
    uint32(tensor.extents.length);
    for (const extent of tensor.extents) uint64(extent);
    uint32(tensor.dtype.type);
    uint64(offset);
    offset += padded(bytesOf(tensor));
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

import { noise } from '../frame/measure.ts';
import { type Initializer, type Node, onnxModel, type Value } from '../frame/onnx.ts';
import type { DecodeCase } from './cases.ts';

/**
 * GPT-2 with random weights for decoding, as an exporter for onnxruntime writes it: ids and positions [batch, seq] and
 * past keys and values in, logits of the newest position [batch, vocab] and all keys and values out. Attention is
 * onnxruntime's own fused operator. Keys and values are [batch, heads, positions, headDim].
 */
export function gpt2Model({
  vocab_size: vocab,
  n_positions: positions,
  n_embd: width,
  n_layer,
  n_head,
}: DecodeCase['model']) {
  const initializers: Initializer[] = [];
  const nodes: Node[] = [];
  /** A weight of values in [-0.03, 0.03), each of its own noise: onnxruntime is a fifth faster where layers have the same. */
  const weight = (name: string, ...shape: number[]) => {
    const random = noise(
      shape.reduce((a, b) => a * b),
      initializers.length + 1,
    );
    initializers.push({ name, data: random.map((value) => 0.03 * value), shape });
    return name;
  };
  const filled = (name: string, value: number, size: number) => {
    initializers.push({ name, data: new Float32Array(size).fill(value), shape: [size] });
    return name;
  };
  let made = 0;
  const apply = (op: string, inputs: string[], attributes: Omit<Node, 'op' | 'inputs' | 'outputs'> = {}) => {
    const output = `x${made++}`;
    nodes.push({ op, inputs, outputs: [output], ...attributes });
    return output;
  };
  const norm = (x: string, name: string) =>
    apply('LayerNormalization', [x, filled(`${name}.weight`, 1, width), filled(`${name}.bias`, 0, width)], {
      floats: { epsilon: 1e-5 },
    });
  const linear = (x: string, name: string, inputs: number, outputs: number) =>
    apply('Add', [apply('MatMul', [x, weight(name, inputs, outputs)]), filled(`${name}.bias`, 0, outputs)]);

  const headDim = width / n_head;
  const cache = (name: string, length: string): Value => ({
    name,
    type: 'f32',
    shape: ['batch', n_head, length, headDim],
  });
  const past: Value[] = [];
  const present: Value[] = [];
  const wte = weight('wte', vocab, width);
  let x = apply('Add', [
    apply('Gather', [wte, 'ids']),
    apply('Gather', [weight('wpe', positions, width), 'positions']),
  ]);
  for (let layer = 0; layer < n_layer; layer++) {
    const h = `h.${layer}`;
    const qkv = linear(norm(x, `${h}.ln_1`), `${h}.attn.c_attn`, width, 3 * width);
    past.push(cache(`past.${layer}.key`, 'past'), cache(`past.${layer}.value`, 'past'));
    present.push(cache(`present.${layer}.key`, 'total'), cache(`present.${layer}.value`, 'total'));
    nodes.push({
      op: 'GroupQueryAttention',
      domain: 'com.microsoft',
      inputs: [qkv, '', '', `past.${layer}.key`, `past.${layer}.value`, 'lastKey', 'total'],
      outputs: [`${h}.attended`, `present.${layer}.key`, `present.${layer}.value`],
      integers: { num_heads: n_head, kv_num_heads: n_head },
    });
    const attended = apply('Add', [x, linear(`${h}.attended`, `${h}.attn.c_proj`, width, width)]);
    const expanded = linear(norm(attended, `${h}.ln_2`), `${h}.mlp.c_fc`, width, 4 * width);
    const gelu = apply('FastGelu', [expanded], { domain: 'com.microsoft' });
    x = apply('Add', [attended, linear(gelu, `${h}.mlp.c_proj`, 4 * width, width)]);
  }
  initializers.push({ name: 'newest', data: BigInt64Array.of(-1n), shape: [] });
  const newest = apply('Gather', [norm(x, 'ln_f'), 'newest'], { integers: { axis: 1 } });
  nodes.push({ op: 'Gemm', inputs: [newest, wte], outputs: ['logits'], integers: { transB: 1 } });
  return onnxModel({
    inputs: [
      { name: 'ids', type: 'i64', shape: ['batch', 'seq'] },
      { name: 'positions', type: 'i64', shape: ['batch', 'seq'] },
      { name: 'lastKey', type: 'i32', shape: ['batch'] },
      { name: 'total', type: 'i32', shape: [1] },
      ...past,
    ],
    outputs: [{ name: 'logits', type: 'f32', shape: ['batch', vocab] }, ...present],
    initializers,
    nodes,
  });
}

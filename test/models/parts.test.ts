import { describe, expect, it } from 'vitest';
import { createModel, exampleConfig, numParameters } from '../../src/models/index.js';
import { holdParameters } from '../../src/models/parameters.js';
import { conv1D, fill, linear, norm, positionTable, repeat, specsOf, table } from '../../src/models/parts.js';
import { madeValues, sizeOf, Tensor, tidy } from '../../src/tensor/index.js';
import { openReference } from '../harness/referenceBackend.js';

const device = openReference({ precision: 'f32' });
const std = 0.5;
const tree = (tied: boolean) => ({
  embed: { tokens: table(5, 2, { std }), positions: positionTable(4, 2, { std }) },
  layers: repeat(2, () => ({
    norm: norm(2, { eps: 1e-5 }),
    up: conv1D(2, 3, { std }),
    down: linear(3, 2, { std, bias: false }),
  })),
  head: tied ? undefined : linear(2, 5, { std }),
});
const held = (declared: ReturnType<typeof tree>) =>
  holdParameters(device, specsOf(declared), {
    source: {
      where: 'test',
      values: (name) =>
        madeValues(() => {
          const { shape } = specsOf(declared).get(name)!;
          return Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);
        }),
    },
    format: 'f16',
    trainable: false,
  });

describe('a tree of parts', () => {
  it('names its parameters as the checkpoint does, in order, with shapes, starts and layouts', () => {
    expect([...specsOf(tree(true))]).toEqual([
      ['embed.tokens.weight', { shape: [5, 2], initial: { normal: std }, matrix: 'outIn' }],
      ['embed.positions.weight', { shape: [4, 2], initial: { normal: std } }],
      ...[0, 1].flatMap((layer) => [
        [`layers.${layer}.norm.weight`, { shape: [2], initial: 'ones' }],
        [`layers.${layer}.norm.bias`, { shape: [2], initial: 'zeros' }],
        [`layers.${layer}.up.weight`, { shape: [2, 3], initial: { normal: std }, matrix: 'inOut' }],
        [`layers.${layer}.up.bias`, { shape: [3], initial: 'zeros' }],
        [`layers.${layer}.down.weight`, { shape: [2, 3], initial: { normal: std }, matrix: 'outIn' }],
      ]),
    ]);
    expect([...specsOf(tree(false)).keys()].slice(-2)).toEqual(['head.weight', 'head.bias']);
  });

  it('is filled with parts that know their bias, layout and format', async () => {
    const declared = tree(true);
    const parameters = await held(declared);
    const { embed, layers, head } = fill(declared, parameters);
    expect(head).toBeUndefined();
    const x = Tensor.from(device, Float32Array.of(1, 10), [1, 2]);
    const values = async (compute: () => Tensor) => {
      const y = tidy(compute);
      return [...(await y.read())];
    };
    // weight [in, out] is 1 2 3 / 4 5 6, bias 1 2 3
    expect(await values(() => layers[1]!.up.apply(x))).toEqual([42, 54, 66]);
    expect(await values(() => layers[0]!.down.apply(layers[0]!.up.apply(x)))).toEqual([348, 834]);
    expect(await values(() => embed.tokens.lookUp(Int32Array.of(4, 0), [2]))).toEqual([9, 10, 1, 2]);
    expect(embed.tokens.weight.format).toBe('f16');
    expect(embed.positions.weight.format).toBe('f32');
    expect([...parameters.parameters.keys()]).not.toContain('embed.tokens.weight');
  });

  it('does not compile with a misspelt name', async () => {
    const declared = tree(true);
    const filled = fill(declared, await held(declared));
    // @ts-expect-error
    expect(filled.embed.token).toBeUndefined();
    // @ts-expect-error
    expect(filled.layers[0]?.upp).toBeUndefined();
    // @ts-expect-error: a norm is no linear part
    expect(filled.layers[0]?.norm.weight).toBeUndefined();
  });
});

it.each(['gemma3_text', 'gpt2', 'llama', 'mistral', 'mt5', 'opt', 'qwen2', 'qwen3', 't5'])(
  'the example config of %s makes a model, and lacks nothing by being saved',
  async (modelType) => {
    const config = await exampleConfig(modelType);
    using model = await createModel(config, { device });
    expect(model.config).toMatchObject(config);
    expect(model.family).toBe(modelType);
    expect(numParameters(model)).toBeGreaterThan(1e6);
  },
);

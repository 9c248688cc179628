import { describe, expect, it } from 'vitest';
import { createModel } from '../../src/models/index.js';
import { windowOf } from '../../src/models/slidingLayers.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { decoderTests } from './decoderTests.js';

forEachBackend((backend) => {
  for (const family of ['qwen2', 'qwen3']) decoderTests(family, backend);
});

const device = openReference({ precision: 'f32' });
const config = {
  ...{ vocab_size: 11, hidden_size: 8, num_hidden_layers: 2, intermediate_size: 6, max_position_embeddings: 7 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1 },
};

describe('windows of Qwen', () => {
  const given = { use_sliding_window: true, sliding_window: 4, max_window_layers: 1 };
  const windows = (fields: Partial<Parameters<typeof windowOf>[0]>) => {
    const of = windowOf({ ...given, ...fields } as Parameters<typeof windowOf>[0]);
    return [of(0), of(1), of(2)];
  };
  it('are those of the layers from max_window_layers on, or of layer_types, and none unless they are used', () => {
    expect(windows({})).toEqual([undefined, 4, 4]);
    expect(windows({ max_window_layers: 0 })).toEqual([4, 4, 4]);
    const layer_types = ['sliding_attention', 'full_attention', 'sliding_attention'] as const;
    expect(windows({ layer_types: [...layer_types] })).toEqual([4, undefined, 4]);
    expect(windows({ layer_types: [...layer_types], use_sliding_window: false })).toEqual([
      ...[undefined, undefined, undefined],
    ]);
    expect(windows({ sliding_window: null })).toEqual([undefined, undefined, undefined]);
  });

  it.each([
    [{ layer_types: ['full_attention'] }, /field 'layer_types' is .*expected one for each of num_hidden_layers/],
    [
      { layer_types: ['full_attention', 'sliding_attention'] },
      /field 'layer_types' is .*expected full_attention alone, or use_sliding_window true and a sliding_window/,
    ],
    [
      { layer_types: ['full_attention', 'sliding_attention'], use_sliding_window: true, sliding_window: null },
      /field 'layer_types' is .*expected full_attention alone, or use_sliding_window true/,
    ],
    [
      { layer_types: ['full_attention', 'chunked'] },
      /field 'layer_types\[1\]' is "chunked", expected one of .*sliding_attention/,
    ],
  ])('refuses %j', async (fields, message) => {
    for (const model_type of ['qwen2', 'qwen3']) {
      await expect(createModel({ ...config, model_type, ...fields }, { device })).rejects.toThrow(message);
    }
  });
});

it.each([
  ['qwen2', ['q_proj.bias', 'k_proj.bias', 'v_proj.bias']],
  ['qwen3', ['q_norm.weight', 'k_norm.weight']],
])('%s has the parameters that LLaMA has not', async (model_type, own) => {
  const names = async (type: string) => {
    using model = await createModel({ ...config, model_type: type }, { device });
    return [...model.parameters.keys()];
  };
  const [found, common] = [await names(model_type), await names('llama')];
  expect(found.filter((name) => !common.includes(name)).sort()).toEqual(
    [0, 1].flatMap((layer) => own.map((name) => `model.layers.${layer}.self_attn.${name}`)).sort(),
  );
  expect(common.every((name) => found.includes(name))).toBe(true);
});

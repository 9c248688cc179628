import { expect, it } from 'vitest';
import { createModel } from '../../src/models/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import { decoderTests } from './decoderTests.js';

forEachBackend((backend) => decoderTests('mistral', backend));

const device = openReference({ precision: 'f32' });
const config = {
  ...{ model_type: 'mistral', vocab_size: 11, hidden_size: 8, num_hidden_layers: 1, intermediate_size: 6 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 7 },
};

it('mistral says its window when it is saved, that of transformers where none is given', async () => {
  using given = await createModel({ ...config, sliding_window: null }, { device });
  expect(given.config).toMatchObject({ sliding_window: null, architectures: ['MistralForCausalLM'] });
  using usual = await createModel(config, { device });
  expect(usual.config).toMatchObject({ sliding_window: 4096 });
  await expect(createModel({ ...config, sliding_window: 0 }, { device })).rejects.toThrow(
    /field 'sliding_window' is 0, expected an integer of at least 1/,
  );
});

/** Pre-tokenizers: what cuts a text into the pieces that the model sees. */
import type { Stage } from './component.js';
import { byteLevel } from './preTokenizers/byteLevel.js';
import { digits } from './preTokenizers/digits.js';
import { metaspace } from './preTokenizers/metaspace.js';
import { split, whitespaceSplit } from './preTokenizers/split.js';

export const preTokenizers: Stage = {
  field: 'pre_tokenizer',
  list: 'pretokenizers',
  components: [byteLevel, split, digits, metaspace, whitespaceSplit],
};

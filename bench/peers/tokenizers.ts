import { argument, print } from '../commandLine.ts';
import { summary } from '../measure.ts';
import { nodeAssets } from '../text.ts';

type Encode = (text: string) => { length: number };
/** Each makes a tokenizer whose caches are cold. */
const peers: Record<string, () => Promise<Encode>> = {
  'gpt-tokenizer': async () => {
    const { encode, clearMergeCache } = await import('gpt-tokenizer/encoding/r50k_base');
    clearMergeCache();
    return encode;
  },
  tiktoken: async () => {
    const { get_encoding } = await import('tiktoken');
    const encoding = get_encoding('gpt2');
    return (text) => encoding.encode(text);
  },
  huggingface: async () => {
    const { Tokenizer } = await import('@huggingface/tokenizers');
    const tokenizer = new Tokenizer(JSON.parse(await nodeAssets.tokenizerJson()), {});
    return (text) => tokenizer.encode(text).ids;
  },
};

const make = peers[argument('peer', '')];
if (!make) throw new Error(`--peer is one of ${Object.keys(peers).join(', ')}`);
const text = await nodeAssets.english();
const megabytes = new TextEncoder().encode(text).length / 1e6;
const first: number[] = [];
const again: number[] = [];
let tokens = 0;
for (let i = 0; i < 5; i++) {
  const encode = await make();
  for (const values of [first, again]) {
    const before = performance.now();
    tokens = encode(text).length;
    values.push((megabytes * 1000) / (performance.now() - before));
  }
}
print(summary({ case: 'first call', unit: 'MB/s', values: first.slice(1), note: `${tokens} tokens` }));
print(summary({ case: 'same text again', unit: 'MB/s', values: again.slice(1) }));

import { createTokenizer } from 'distillm';
import { report } from './measure.ts';
import { english, gpt2TokenizerJson } from './text.ts';

const text = english();
const megabytes = new TextEncoder().encode(text).length / 1e6;
const tokenizerJson = gpt2TokenizerJson();
const first: number[] = [];
const again: number[] = [];
let tokens = 0;
// A new tokenizer has a cold word cache: its first call is what a user waits for. The first round warms V8 up.
for (let i = 0; i < 8; i++) {
  const tokenizer = createTokenizer({ tokenizerJson });
  for (const values of [first, again]) {
    const before = performance.now();
    tokens = tokenizer.encode(text).length;
    values.push((megabytes * 1000) / (performance.now() - before));
  }
  tokenizer.dispose();
}
report({ case: 'first call', unit: 'MB/s', values: first.slice(1), note: `${tokens} tokens` });
report({ case: 'same text again', unit: 'MB/s', values: again.slice(1) });

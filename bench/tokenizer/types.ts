/** The types of tokenizers that are measured beside GPT-2's, and the texts that each is given. */
import { trainTokenizer } from 'distillm';
import type { Assets } from '../frame/benchmark.ts';

/** No package has one: it is trained here, on both texts. */
async function unigramJson(assets: Assets): Promise<string> {
  const texts = [await assets.english(), await assets.mixedScripts()];
  const tokenizer = trainTokenizer(texts, { vocabSize: 8000, model: 'unigram', specialTokens: { eos: '</s>' } });
  return tokenizer.save()['tokenizer.json'] as string;
}

/** Byte-level BPE cut by hand and by a regular expression, BPE over characters, and Unigram. */
export const tokenizerTypes: Readonly<Record<string, (assets: Assets) => Promise<string>>> = {
  'GPT-2': (assets) => assets.tokenizerJson('gpt2'),
  'Llama 3.1': (assets) => assets.tokenizerJson('llama3'),
  'LLaMA 2': (assets) => assets.tokenizerJson('llama2'),
  Unigram: unigramJson,
};

/** Each type with each text: the name of the case, tokenizer.json, the text. */
export async function* casesOf(assets: Assets): AsyncIterable<readonly [name: string, json: string, text: string]> {
  for (const [type, make] of Object.entries(tokenizerTypes)) {
    const json = await make(assets);
    yield [`${type}, English`, json, await assets.english()];
    yield [`${type}, mixed scripts`, json, await assets.mixedScripts()];
  }
}

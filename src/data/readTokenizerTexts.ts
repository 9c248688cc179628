import { parseInstructions } from './instructions.js';
import { readSource, sourceName, type TextSource } from './source.js';
import { resolveTemplate, type TemplateChoice } from './template.js';

/**
 * What a model will see of a file, as the texts that `trainTokenizer` takes: of instruction JSONL (the source's name
 * ends in `.jsonl`) each prompt in its template with its first answer, of any other file its whole text.
 * @example
 * const texts = await readTokenizerTexts('dolly.jsonl', { template: 'alpaca' });
 * const tokenizer = trainTokenizer(texts, { vocabSize: 4096, specialTokens: { eos: '<|endoftext|>' } });
 * @throws OptionError for an unknown template; DataError for a malformed line or text that is not UTF-8;
 * CheckpointError for a missing file
 */
export async function readTokenizerTexts(
  source: TextSource,
  { template }: { readonly template?: TemplateChoice | undefined } = {},
): Promise<string[]> {
  const { render } = resolveTemplate(template);
  const name = sourceName(source);
  const content = await readSource(source);
  if (!/\.jsonl(\.gz)?$/.test(name)) return [content];
  return parseInstructions(content, name).map(({ outputs, ...fields }) => render(fields) + outputs[0]);
}

import { z } from 'zod';
import { checkOption, checkOptions } from '../settings/index.js';
import { parseInstructions } from './instructions.js';
import { readSource, sourceName, sourceOption, type TextSource } from './source.js';
import { resolveTemplate, type TemplateChoice, templateOption } from './template.js';

const where = 'readTokenizerTexts';
const readOptions = z.strictObject({ template: templateOption.optional() });

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
  options: { readonly template?: TemplateChoice | undefined } = {},
): Promise<string[]> {
  checkOption(where, 'source', source, sourceOption);
  const { render } = resolveTemplate(where, checkOptions(where, readOptions, options).template);
  const name = sourceName(source);
  const content = await readSource(source);
  if (!/\.jsonl(\.gz)?$/.test(name)) return [content];
  return parseInstructions(content, name).map(({ outputs, ...fields }) => render(fields) + outputs[0]);
}

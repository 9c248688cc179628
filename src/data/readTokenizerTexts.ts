import * as z from 'zod';
import { giveTurn } from '../eventLoop.js';
import { checkOptions } from '../settings/index.js';
import { isChatTemplate } from './chat/isChatTemplate.js';
import { type Conversation, turnsOf } from './chat/messages.js';
import { type Instruction, type ReadRecordsOptions, readInstructionRecords, recordFields } from './instructions.js';
import { parallelFiles } from './parallel/parallelFiles.js';
import { checkSources, isJsonLines, sourcesOf, type TextSource, type TextSources } from './source.js';
import { resolveTemplate, type TemplateChoice, templateOption } from './template.js';
import { readPieces } from './textPieces.js';

const where = 'readTokenizerTexts';
const readOptions = z.strictObject({ template: templateOption.optional(), ...recordFields });

/**
 * What a model will see of its data, as the texts that a tokenizer is trained on: of records and of instruction JSONL (the
 * source's name ends in `.jsonl` or `.json`), and of two files that translate each other, each prompt in its template with its first
 * answer, of conversations without a chat template what is said in them, of any other source its text in pieces of about a million characters. No more than a
 * piece is in memory. A file that begins as XML or HTML is read where its name says so (`.xml`, `.html`): under any other
 * name it is a download that went wrong.
 * @param sources a file's path or URL, a File or Blob, text, records as a list of objects, or several of these
 * @example
 * const trainer = tokenizerTrainer({ vocabSize: 4096, specialTokens: { eos: '<|endoftext|>' } });
 * for await (const text of readTokenizerTexts('dolly.jsonl', { template: 'alpaca' })) trainer.add(text);
 * const tokenizer = await trainer.train();
 * @throws OptionError for an unknown template; DataError for malformed lines, text that is not UTF-8
 * and a missing file
 */
export function readTokenizerTexts(
  sources: TextSources,
  options: { readonly template?: TemplateChoice | undefined } & ReadRecordsOptions = {},
): AsyncGenerator<string, void, undefined> {
  checkSources(where, sources);
  const { template, ...records } = checkOptions(where, readOptions, options);
  const resolved = resolveTemplate(where, template);
  const textOf = (record: Instruction | Conversation): string => {
    if (isChatTemplate(resolved)) {
      const messages = 'messages' in record ? record.messages : turnsOf(record);
      return resolved.renderChat(messages, { addGenerationPrompt: false }).text;
    }
    // The tokenizer that has the template is not there yet.
    if ('messages' in record) return record.messages.map(({ content }) => content).join('\n');
    return resolved.render(record) + record.outputs[0];
  };
  async function* read(): AsyncGenerator<string, void, undefined> {
    const holdsRecords = (source: TextSource) =>
      isJsonLines(source) || parallelFiles(source, records.languages) !== undefined;
    for (const group of neighbours(sourcesOf(sources), holdsRecords)) {
      if (!holdsRecords(group[0])) for (const source of group) yield* givingTurns(readPieces(source));
      else yield* givingTurns(readInstructionRecords(group, records, textOf));
    }
  }
  return read();
}

/** What is read may be in memory, so that nothing waits: signals and timers have their turns between texts. */
async function* givingTurns(texts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  for await (const text of texts) {
    await giveTurn();
    yield text;
  }
}

/** The sources in their order, those of one kind that follow one another together: a reading of records has several. */
function neighbours(
  sources: readonly TextSource[],
  holdsRecords: (source: TextSource) => boolean,
): (readonly [TextSource, ...TextSource[]])[] {
  const groups: [TextSource, ...TextSource[]][] = [];
  for (const source of sources) {
    const last = groups.at(-1);
    if (last && holdsRecords(last[0]) === holdsRecords(source)) last.push(source);
    else groups.push([source]);
  }
  return groups;
}

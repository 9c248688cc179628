/** Instruction files to training samples: read, render, encode, cut, and hold some out. */
import { z } from 'zod';
import { DataError } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { checkOption, checkOptions, type Fields, ranges, special } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import { type Example, encodeExample } from './encodeInstruction.js';
import { type ReadRecordsOptions, readInstructionRecords, recordFields } from './instructions.js';
import { areSources, namesOf, sourcesOption, type TextSources } from './source.js';
import { resolveTemplate, type TemplateChoice, templateOption } from './template.js';

const where = 'readInstructions';

/** How instructions become samples, and which of them are held out. */
export interface ReadInstructionsOptions extends ReadRecordsOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** A template or its name. Default 'alpaca', the paper's. */
  readonly template?: TemplateChoice | undefined;
  /** Files of their own, or this many records from the start of the data (the paper: 1000). Default none. */
  readonly validation?: number | TextSources;
  /** Tokens; default 256, or half of a shorter maxLength. */
  readonly maxPromptLength?: number;
  /** Tokens, more than maxPromptLength; default 512, or twice a longer maxPromptLength. */
  readonly maxLength?: number;
}

const readOptions = z.strictObject({
  tokenizer: tokenizerOption,
  template: templateOption.optional(),
  validation: special<number | TextSources>(
    'how many records, a file, or a list of files',
    (value) => areSources(value) || ranges.countOrZero.safeParse(value).success,
  ).default(0),
  maxPromptLength: ranges.count.optional(),
  maxLength: ranges.integer(2).optional(),
  ...recordFields,
} satisfies Fields<ReadInstructionsOptions>);

/** The paper's lengths, each within what the other one allows where that one alone is given. */
function lengthsOf({ maxPromptLength, maxLength }: z.output<typeof readOptions>) {
  const length = maxLength ?? Math.max(512, 2 * (maxPromptLength ?? 0));
  const promptLength = maxPromptLength ?? Math.min(256, Math.floor(length / 2));
  const expected = `more than maxPromptLength (${promptLength})`;
  requireOption(where, 'maxLength', length, length > promptLength, expected);
  return { maxPromptLength: promptLength, maxLength: length };
}

/** Instructions ready for `distill` and `fineTune`, as `data`. */
export interface InstructionData {
  /** What runs train on. */
  readonly train: readonly Example[];
  /** What runs are validated on. */
  readonly validation: readonly Example[];
  /** Name of the template; checkpoints remember it. */
  readonly template: string;
  /** How many examples the length limits changed: prompts cut inside, responses cut at their end. */
  readonly cut: {
    /** Prompts longer than maxPromptLength. */
    readonly prompts: number;
    /** Sequences longer than maxLength. */
    readonly responses: number;
  };
}

/**
 * Reads instruction JSONL, renders the template, tokenizes and cuts. A line is an object with `instruction`, optional
 * `input` or `context`, and `output` or `response`, a string or a list of strings; `fields` names others.
 * @param sources a file or several, whose records follow one another
 * @example
 * const data = await readInstructions('dolly.jsonl', { tokenizer, validation: 1000 });
 * @throws OptionError; DataError for malformed lines (how many, and the first ten with their numbers) or an empty set;
 * CheckpointError for a missing file
 */
export async function readInstructions(
  sources: TextSources,
  options: ReadInstructionsOptions,
): Promise<InstructionData> {
  checkOption(where, 'sources', sources, sourcesOption);
  const checked = checkOptions(where, readOptions, options);
  const { tokenizer, validation } = checked;
  const template = resolveTemplate(where, checked.template);
  const encoding = { tokenizer, template, ...lengthsOf(checked) };
  const read = async (from: TextSources): Promise<Example[]> => {
    const examples: Example[] = [];
    for await (const instruction of readInstructionRecords(from, checked)) {
      examples.push(encodeExample(instruction, encoding));
    }
    if (examples.length === 0) {
      throw new DataError(`${namesOf(from)} holds no instruction. Check that it is the right file.`);
    }
    return examples;
  };
  const all = await read(sources);
  const held = typeof validation === 'number' ? all.slice(0, validation) : await read(validation);
  const train = typeof validation === 'number' ? all.slice(validation) : all;
  if (train.length === 0) {
    throw new DataError(
      `${namesOf(sources)}: all ${all.length} records go to the validation set (validation: ${validation}). Lower it.`,
      { found: all.length, expected: validation },
    );
  }
  const count = (test: (example: Example) => boolean) => [...train, ...held].filter(test).length;
  return {
    train,
    validation: held,
    template: template.name,
    cut: { prompts: count(({ promptCut }) => promptCut), responses: count(({ responseCut }) => responseCut) },
  };
}

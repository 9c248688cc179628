/** Instruction files to training samples: read, render, encode, cut, and hold some out. */
import { DataError } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { checkOption, ranges } from '../settings/index.js';
import type { Tokenizer } from '../text/index.js';
import { type EncodeInstructionOptions, type Example, encodeInstruction } from './encodeInstruction.js';
import { parseInstructions } from './instructions.js';
import { readSource, sourceName, type TextSource } from './source.js';
import { resolveTemplate, type TemplateChoice } from './template.js';

const where = 'readInstructions';

/** How instructions become samples, and which of them are held out. */
export interface ReadInstructionsOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** A template or its name. Default 'alpaca', the paper's. */
  readonly template?: TemplateChoice | undefined;
  /** A file of its own, or this many records from the start of the data (the paper: 1000). Default none. */
  readonly validation?: number | TextSource;
  /** Tokens; default 256. */
  readonly maxPromptLength?: number;
  /** Tokens; default 512. */
  readonly maxLength?: number;
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
 * Reads instruction JSONL (see `parseInstructions` for its fields), renders the template, tokenizes and cuts.
 * @example
 * const data = await readInstructions('dolly.jsonl', { tokenizer, validation: 1000 });
 * @throws OptionError; DataError for a malformed line (with its number) or an empty set, CheckpointError for a missing
 * file.
 */
export async function readInstructions(
  source: TextSource,
  { tokenizer, template, validation = 0, maxPromptLength = 256, maxLength = 512 }: ReadInstructionsOptions,
): Promise<InstructionData> {
  checkOption(where, 'maxPromptLength', maxPromptLength, ranges.count);
  requireOption(
    where,
    'maxLength',
    maxLength,
    maxLength > maxPromptLength,
    `more than maxPromptLength (${maxPromptLength})`,
  );
  const resolved = resolveTemplate(template);
  const options: EncodeInstructionOptions = { tokenizer, template: resolved, maxPromptLength, maxLength };
  const read = async (from: TextSource): Promise<Example[]> => {
    const instructions = parseInstructions(await readSource(from), sourceName(from));
    if (instructions.length === 0) throw new DataError(`${sourceName(from)} holds no instruction: it is empty.`);
    return instructions.map((instruction) => encodeInstruction(instruction, options));
  };
  const all = await read(source);
  const held = typeof validation === 'number' ? all.slice(0, validation) : await read(validation);
  const train = typeof validation === 'number' ? all.slice(validation) : all;
  if (train.length === 0) {
    throw new DataError(
      `${sourceName(source)}: all ${all.length} records go to the validation set (validation: ${validation}). Lower it.`,
      { found: all.length, expected: validation },
    );
  }
  const count = (test: (example: Example) => boolean) => [...train, ...held].filter(test).length;
  return {
    train,
    validation: held,
    template: resolved.name,
    cut: { prompts: count(({ promptCut }) => promptCut), responses: count(({ responseCut }) => responseCut) },
  };
}

/** Instruction files to training samples: read, render, encode, cut, and hold some out. */
import * as z from 'zod';
import { DataError, whole } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { checkOptions, type Fields, ranges, special } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import { type Example, encodeExample } from './encodeInstruction.js';
import { type HoldOutOrder, holdOut, holdOutOrders } from './holdOut.js';
import { type ReadRecordsOptions, readQuestions, recordFields } from './instructions.js';
import { areSources, checkSources, namesOf, type TextSources } from './source.js';
import { type TeacherField, teacherFieldOption } from './teacherField.js';
import { resolveTemplate, type TemplateChoice, templateOption } from './template.js';

const where = 'readInstructions';

/** How instructions become samples, and which of them are held out. */
export interface ReadInstructionsOptions extends ReadRecordsOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** A template or its name. Default 'alpaca', the paper's. Conversations need that of `createChatTemplate`. */
  readonly template?: TemplateChoice | undefined;
  /**
   * Sources of their own, or this many records of the data (the paper: 1000); 'tenth' is a tenth of them, at most 1000.
   * Default none. A file is told from 'tenth' by `./tenth`. What is held out has an answer each, to compare with: of data without
   * answers 'tenth' is none, and sources of their own must have them.
   */
  readonly validation?: number | 'tenth' | TextSources;
  /**
   * Which records are held out: 'random' is a draw, the same for every run on the same data whatever its seed; 'first'
   * takes the first ones, as in the paper, which are biased where the file is sorted. Records of sources of their own
   * come in such an order too: ROUGE-L is measured on the first of them. Default 'random'.
   */
  readonly validationOrder?: HoldOutOrder;
  /** Tokens; default 256, or half of a shorter maxLength. */
  readonly maxPromptLength?: number;
  /** Tokens, more than maxPromptLength; default 512, or twice a longer maxPromptLength. */
  readonly maxLength?: number;
  /**
   * 'optional' takes records without an answer as well, as prompts alone, for methods that do not train on the answers of the data
   * (`onPolicy`, `minillm`, `gkd` with lambda 1, and those whose teacher answers). Default 'required'.
   */
  readonly answers?: 'required' | 'optional';
  /** Where a run has several teachers: which field of a record names its own. It is not looked for in sources for validation. */
  readonly teachers?: TeacherField | undefined;
}

const readOptions = z.strictObject({
  tokenizer: tokenizerOption,
  template: templateOption.optional(),
  validation: special<number | 'tenth' | TextSources>(
    "how many records, 'tenth', a file, or a list of files",
    (value) => areSources(value) || ranges.countOrZero.safeParse(value).success,
  ).default(0),
  validationOrder: ranges.choice(holdOutOrders).default('random'),
  maxPromptLength: ranges.count.optional(),
  maxLength: ranges.integer(2).optional(),
  answers: ranges.choice(['required', 'optional']).default('required'),
  teachers: teacherFieldOption.optional(),
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
 * Reads instructions or conversations, renders the template, tokenizes and cuts. An instruction is an object with
 * `instruction` (or `prompt`), optional `input` or `context`, and `output`, `response` or `completion`, a string or a list
 * of strings; `fields` names others. A conversation has `messages`, a list of { role, content } whose last is the assistant's,
 * and needs a chat template. Files hold one record a line, as JSON, or one array of records, and one kind of record.
 * @param sources a file's path or URL, a File or Blob, records as a list of objects, text, or several of these, whose
 * records follow one another
 * @example
 * const data = await readInstructions('dolly.jsonl', { tokenizer, validation: 1000 });
 * @example
 * const data = await readInstructions([{ instruction: 'Add 2 and 3.', output: '5' }], { tokenizer });
 * @example
 * const template = createChatTemplate(tokenizer);
 * const chats = await readInstructions('chats.jsonl', { tokenizer, template });
 * @throws OptionError; DataError for malformed lines (how many, and the first ten with their numbers), an empty set
 * or a missing file
 */
export async function readInstructions(
  sources: TextSources,
  options: ReadInstructionsOptions,
): Promise<InstructionData> {
  checkSources(where, sources);
  const checked = checkOptions(where, readOptions, options);
  const { tokenizer, validation, validationOrder, answers, teachers } = checked;
  const template = resolveTemplate(where, checked.template);
  const encoding = { tokenizer, template, ...lengthsOf(checked) };
  const read = async (from: TextSources, how: Parameters<typeof readQuestions>[3]): Promise<Example[]> => {
    const examples: Example[] = [];
    const encode = (record: Parameters<typeof encodeExample>[0]) => encodeExample(record, encoding);
    for await (const example of readQuestions(from, checked, encode, how)) examples.push(example);
    if (examples.length === 0) {
      throw new DataError(`${namesOf(from)} holds no instruction. Check that it is the right file.`);
    }
    return examples;
  };
  const all = await read(sources, { needsAnswer: answers === 'required', teachers });
  const isOwn = typeof validation !== 'number' && validation !== 'tenth';
  const own = isOwn ? await read(validation, { needsAnswer: true }) : undefined;
  const hasAnswer = ({ outputs }: Example) => outputs.length > 0;
  const answered = all.filter(hasAnswer).length;
  const count = own?.length ?? (typeof validation === 'number' ? validation : tenthOf(answered));
  if (!own && count > answered && answered < all.length) {
    throw new DataError(
      `${namesOf(sources)}: of ${whole(all.length)} records ${whole(answered)} have an answer, to which answers can be compared, and ` +
        `${whole(count)} are to be held out (validation: ${count}). Lower it, or give files with answers.`,
      { found: answered, expected: count },
    );
  }
  const { held, train } = own
    ? { held: holdOut(own, count, validationOrder).held, train: all }
    : holdOut(all, count, validationOrder, hasAnswer);
  if (train.length === 0) {
    throw new DataError(
      `${namesOf(sources)}: ${all.length === 1 ? 'the only record goes' : `all ${whole(all.length)} records go`} to the validation set (validation: ${validation}). Lower it.`,
      { found: all.length, expected: validation },
    );
  }
  const number = (test: (example: Example) => boolean) => [...train, ...held].filter(test).length;
  return {
    train,
    validation: held,
    template: template.name,
    cut: { prompts: number(({ promptCut }) => promptCut), responses: number(({ responseCut }) => responseCut) },
  };
}

const tenthOf = (records: number): number => Math.min(1000, Math.floor(records / 10));

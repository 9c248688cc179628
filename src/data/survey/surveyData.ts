/**
 * What data files hold, before anything is trained on them: their formats, how many records, how long they are, what limits
 * would cut, what comes twice, and how a sample looks to a model.
 */
import * as z from 'zod';
import { requireOption } from '../../requireOption.js';
import { checkOptions, type Fields, ranges, special } from '../../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../../text/index.js';
import { isChatTemplate } from '../chat/isChatTemplate.js';
import { type ChatPrompt, someAnswer, turnsOf } from '../chat/messages.js';
import { readDocuments } from '../documents.js';
import { type Example, encodeExample } from '../encodeInstruction.js';
import { fitPrompt } from '../fitPrompt.js';
import {
  type AskedRecord,
  type ReadRecordsOptions,
  type RecordKind,
  readQuestions,
  recordFields,
  recordKind,
} from '../instructions.js';
import { looksLikeJson } from '../looksLikeJson.js';
import { parallelFiles } from '../parallel/parallelFiles.js';
import type { Question } from '../question.js';
import { RecordCount, type SkippedRecords } from '../records.js';
import { plainEncoding } from '../shorten.js';
import { checkSources, isJsonLines, sourceName, sourcesOf, type TextSource, type TextSources } from '../source.js';
import { type PromptTemplate, resolveTemplate, type TemplateChoice, templateOption } from '../template.js';
import { QuestionIndex, type SharedQuestions } from './duplicates.js';
import { LengthCount, type Lengths } from './lengths.js';

/** How data is looked at. */
export interface SurveyDataOptions extends Omit<ReadRecordsOptions, 'skipInvalid'> {
  /** Counts tokens. Default none: characters are counted. */
  readonly tokenizer?: Tokenizer | undefined;
  /** A template or its name. Default 'alpaca'. Conversations need that of `createChatTemplate`, or are counted without one. */
  readonly template?: TemplateChoice | undefined;
  /** Tokens of a prompt that are not cut; default 256. */
  readonly maxPromptLength?: number | undefined;
  /** Tokens of prompt, answer and EOS that are not cut, more than maxPromptLength; default 512. */
  readonly maxLength?: number | undefined;
  /** So many samples of each file are shown, the first ones; default 1. */
  readonly samples?: number | undefined;
  /** Told of each file and of every thousandth record of it. */
  readonly onProgress?: ((progress: SurveyProgress) => void) | undefined;
}

/** How far a survey is. */
export interface SurveyProgress {
  /** Name of the file that is read. */
  readonly name: string;
  /** Records of it so far. */
  readonly records: number;
}

/** What a file holds. */
export interface FileSurvey {
  /** As it was given. */
  readonly name: string;
  /** What its records are. */
  readonly kind: RecordKind;
  /** Those that can be used: questions, conversations or documents. */
  readonly records: number;
  /** Those that cannot. */
  readonly skipped: SkippedRecords;
  /** Records without an answer. */
  readonly unanswered: number;
  /** Records of which an answer is empty. */
  readonly emptyAnswers: number;
  /** Records with several answers that count as right. */
  readonly severalAnswers: number;
  /** The most answers that a record has. */
  readonly mostAnswers: number;
  /** What lengths count. */
  readonly unit: 'tokens' | 'characters';
  /** Each is absent where there are none. */
  readonly lengths: {
    /** In their template. */
    readonly prompts?: Lengths;
    /** Without EOS. */
    readonly answers?: Lengths;
    /** Of plain text. */
    readonly documents?: Lengths;
  };
  /** Records that the limits would cut; absent where no tokens are counted. */
  readonly cut?: {
    /** By maxPromptLength. */
    readonly prompts: number;
    /** By maxLength. */
    readonly answers: number;
  };
  /** Records whose question an earlier one has, word for word. */
  readonly repeated: number;
  /** The first ones. */
  readonly samples: readonly SurveySample[];
}

/** A sample as a model gets it. */
export interface SurveySample {
  /** The prompt in its template; of plain text, nothing. */
  readonly prompt: string;
  /** What is learnt after it: the first answer; of plain text, its beginning. */
  readonly answer: string;
  /** All answers that count as right. */
  readonly references: readonly string[];
  /** The same as tokens, cut as training would cut it; absent without a tokenizer, without an answer, and of plain text. */
  readonly example?: Example;
}

/** What data files hold, and what they share. */
export interface DataSurvey {
  /** One for each, in their order. */
  readonly files: readonly FileSurvey[];
  /** Questions that two of them have. */
  readonly shared: readonly SharedQuestions[];
}

const where = 'surveyData';
const { skipInvalid: _, ...fieldsOfRecords } = recordFields;
const surveyOptions = z.strictObject({
  ...fieldsOfRecords,
  tokenizer: tokenizerOption.optional(),
  template: templateOption.optional(),
  maxPromptLength: ranges.count.default(256),
  maxLength: ranges.integer(2).optional(),
  samples: ranges.countOrZero.default(1),
  onProgress: special<(progress: SurveyProgress) => void>(
    'a function that is told how far it is',
    (value) => typeof value === 'function',
  ).optional(),
} satisfies Fields<SurveyDataOptions>);

/**
 * Reads each file to its end and says what it holds. Records that cannot be used are counted, and the first ten told; a file of which
 * none can be used is refused. No more than a piece of a file is in memory, besides the lengths and hashes of records (about 100 bytes each).
 * @param sources each a file of its own, as a training set and its test set are: a path or URL, a File or Blob, records, text
 * @example
 * const { files, shared } = await surveyData(['train.jsonl', 'test.jsonl'], { tokenizer });
 * console.log(files[0].lengths.prompts?.p99, shared[0]?.same);
 * @throws OptionError; DataError as `readInstructions`
 */
export async function surveyData(sources: TextSources, options: SurveyDataOptions = {}): Promise<DataSurvey> {
  checkSources(where, sources);
  const { template: choice, maxLength: asked, ...checked } = checkOptions(where, surveyOptions, options);
  const maxLength = asked ?? Math.max(512, 2 * checked.maxPromptLength);
  requireOption(
    where,
    'maxLength',
    maxLength,
    maxLength > checked.maxPromptLength,
    `more than maxPromptLength (${checked.maxPromptLength})`,
  );
  const template = resolveTemplate(where, choice);
  const index = new QuestionIndex();
  const files: FileSurvey[] = [];
  for (const source of sourcesOf(sources)) {
    index.begin(sourceName(source));
    const kind = await kindOf(source, checked);
    const how = { ...checked, maxLength, template, index, kind };
    files.push(kind === 'text' ? await surveyText(source, how) : await surveyRecords(source, how));
  }
  return { files, shared: index.end() };
}

/** Records are told by the name of their file, or by its beginning. Of these, plain text has nothing but `text`. */
async function kindOf(
  source: TextSource,
  { fields, languages }: Pick<ReadRecordsOptions, 'fields' | 'languages'>,
): Promise<RecordKind> {
  const isNamed = isJsonLines(source) || parallelFiles(source, languages) !== undefined;
  return isNamed || (await looksLikeJson(source)) ? recordKind(source, { fields, languages }) : 'text';
}

type Asked = Omit<z.output<typeof surveyOptions>, 'template' | 'maxLength'> & {
  readonly maxLength: number;
  readonly template: PromptTemplate;
  readonly index: QuestionIndex;
  readonly kind: RecordKind;
};

const progressEvery = 1000;

async function surveyRecords(source: TextSource, how: Asked): Promise<FileSurvey> {
  const { fields, languages, tokenizer, index, kind, maxLength, maxPromptLength, onProgress } = how;
  const name = sourceName(source);
  const [prompts, answers] = [new LengthCount(), new LengthCount()];
  const found = { records: 0, unanswered: 0, emptyAnswers: 0, severalAnswers: 0, mostAnswers: 0 };
  const cut = { prompts: 0, answers: 0 };
  const samples: SurveySample[] = [];
  let skipped: SkippedRecords = { count: 0, first: [] };
  const skipInvalid = (left: SkippedRecords) => {
    skipped = left;
  };
  const records = readQuestions(
    source,
    { fields, languages, skipInvalid },
    (record, place) => {
      const lengths = lengthsOf(record, how);
      index.add(askedIn(record), place);
      return { record, lengths };
    },
    { needsAnswer: false },
  );
  onProgress?.({ name, records: 0 });
  for await (const { record, lengths } of records) {
    const { outputs } = record;
    found.records++;
    if (outputs.length === 0) found.unanswered++;
    if (outputs.some((text) => text.trim() === '')) found.emptyAnswers++;
    if (outputs.length > 1) found.severalAnswers++;
    found.mostAnswers = Math.max(found.mostAnswers, outputs.length);
    prompts.add(lengths.prompt);
    if (lengths.answer !== undefined) answers.add(lengths.answer);
    const isCut = lengths.prompt > maxPromptLength;
    if (isCut) cut.prompts++;
    // EOS included.
    if (Math.min(lengths.prompt, maxPromptLength) + (lengths.answer ?? 0) + 1 > maxLength) cut.answers++;
    if (samples.length < how.samples) samples.push(sampleOf(record, how));
    if (found.records % progressEvery === 0) onProgress?.({ name, records: found.records });
  }
  const [ofPrompts, ofAnswers] = [prompts.end(), answers.end()];
  return {
    ...{ name, kind, ...found, skipped, unit: tokenizer ? 'tokens' : 'characters' },
    lengths: { ...(ofPrompts && { prompts: ofPrompts }), ...(ofAnswers && { answers: ofAnswers }) },
    ...(tokenizer && { cut }),
    repeated: index.repeated,
    samples,
  };
}

/** The question, by which duplicates are known. */
const askedIn = (record: AskedRecord): string =>
  'messages' in record
    ? promptIn(record)
        .map(({ role, content }) => `${role}\n${content}`)
        .join('\n\n')
    : `${record.instruction}\n\n${record.input}`.trim();

/** All that is said before the answer. */
const promptIn = ({ messages, outputs }: Extract<AskedRecord, ChatPrompt>) =>
  outputs.length === 0 ? messages : messages.slice(0, -1);

const unlimited = { maxLength: Number.MAX_SAFE_INTEGER, maxPromptLength: Number.MAX_SAFE_INTEGER };

/** Of the whole prompt in its template, and of the first answer without EOS. */
function lengthsOf(
  record: AskedRecord,
  { tokenizer, template }: Asked,
): { readonly prompt: number; readonly answer: number | undefined } {
  const [answer] = record.outputs;
  if (!tokenizer) {
    const { prompt } = rendered(record, template);
    return { prompt: prompt.length, answer: answer?.length };
  }
  if (answer === undefined) {
    const { ids } = fitPrompt(record as Question | ChatPrompt, { tokenizer, template, ...unlimited });
    return { prompt: ids.length, answer: undefined };
  }
  const { ids, promptLength } = encodeExample(record, { tokenizer, template, ...unlimited });
  return { prompt: promptLength, answer: ids.length - promptLength - 1 };
}

/** The text of prompt and answer. A conversation that no chat template is there for is shown as it is said. */
function rendered(record: AskedRecord, template: PromptTemplate): { prompt: string; answer: string } {
  const answer = record.outputs[0] ?? '';
  if (isChatTemplate(template)) {
    const messages =
      'messages' in record ? promptIn(record) : turnsOf({ ...record, outputs: [answer || someAnswer] }).slice(0, -1);
    return { prompt: template.renderChat(messages, { addGenerationPrompt: true }).text, answer };
  }
  if ('messages' in record) return { prompt: `${askedIn(record)}\n\n`, answer };
  return { prompt: template.render(record), answer };
}

function sampleOf(record: AskedRecord, how: Asked): SurveySample {
  const { tokenizer, template, maxLength, maxPromptLength } = how;
  const sample = { ...rendered(record, template), references: record.outputs };
  if (!tokenizer || record.outputs.length === 0) return sample;
  const limits = { tokenizer, template, maxLength, maxPromptLength };
  return { ...sample, example: encodeExample(record, limits) };
}

/** Characters of a document by which it is known. */
const knownBy = 2 ** 20;
/** Characters of a document that are shown. */
const shownOfText = 300;

async function surveyText(source: TextSource, how: Asked): Promise<FileSurvey> {
  const { tokenizer, index, onProgress } = how;
  const name = sourceName(source);
  const documents = new LengthCount();
  const samples: SurveySample[] = [];
  let skipped: SkippedRecords = { count: 0, first: [] };
  const count = new RecordCount((left) => {
    skipped = left;
  });
  let records = 0;
  let length = 0;
  let content = '';
  const end = () => {
    if (records === 0) return;
    documents.add(length);
    index.add(content.trim(), { kind: 'record', number: records });
    const answer = content.slice(0, shownOfText);
    if (samples.length < how.samples) samples.push({ prompt: '', answer, references: [] });
  };
  onProgress?.({ name, records: 0 });
  for await (const { text, begins } of readDocuments(source, count)) {
    if (begins) {
      end();
      records++;
      length = 0;
      content = '';
      if (records % progressEvery === 0) onProgress?.({ name, records });
    }
    length += tokenizer ? tokenizer.encode(text, plainEncoding).length : text.length;
    if (content.length < knownBy) content = `${content}${text}`.slice(0, knownBy);
  }
  end();
  count.end();
  const lengths = documents.end();
  return {
    ...{
      name,
      kind: 'text',
      records,
      skipped,
      unit: tokenizer ? 'tokens' : 'characters',
      repeated: index.repeated,
      samples,
    },
    ...{ unanswered: 0, emptyAnswers: 0, severalAnswers: 0, mostAnswers: 0 },
    lengths: lengths ? { documents: lengths } : {},
  };
}

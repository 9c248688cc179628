/** What `distillm data` found, for people. */
import type { DataSurvey, FileSurvey, Lengths, PromptTemplate, RecordKind, SurveySample, Tokenizer } from '../index.js';
import { short } from '../inWords.js';
import { counted, countedOf, whole } from './format.js';
import { drawnSample, maskInWords, type SamplePiece, samplePieces } from './sample.js';
import { coloured, shownOn, type Terminal, wrapped } from './terminal.js';

interface Shown {
  readonly stdout: Terminal['stdout'];
  readonly tokenizer: Tokenizer | undefined;
  readonly template: PromptTemplate;
  readonly maxPromptLength: number | undefined;
  readonly maxLength: number | undefined;
}

/** One record, and several. */
const kinds: Readonly<Record<RecordKind, readonly [string, string]>> = {
  instruction: ['instruction', 'instructions'],
  completion: ['prompt with its completion', 'prompts with their completions'],
  conversation: ['conversation', 'conversations'],
  text: ['document of plain text', 'documents of plain text'],
  selfInstruct: ["instruction in Self-Instruct's form", "instructions in Self-Instruct's form"],
  superNaturalInstructions: ['instance of Super-NaturalInstructions', 'instances of Super-NaturalInstructions'],
  question: ['question', 'questions'],
  summary: ['dialogue with its summary', 'dialogues with their summaries'],
  translation: ['text with its translation', 'texts with their translations'],
};

/** All lines, a file after another, then what they share. */
export function surveyLines({ files, shared }: DataSurvey, shown: Shown): string[] {
  const lines = files.flatMap((file, index) => [...(index > 0 ? [''] : []), ...fileLines(file, shown)]);
  if (files.length < 2) return lines;
  const { stdout } = shown;
  const none = shared.length === 0 ? ['  None: no question of one file is in another.'] : [];
  return [
    ...lines,
    '',
    coloured(stdout, 'bold', 'In two files'),
    ...none.map((line) => wrapped(line, stdout)),
    ...shared.flatMap(({ files: [one, other], same, alike, first }) => [
      wrapped(
        `  ${counted(same, 'record')} of ${other} ${same === 1 ? 'has' : 'have'} a question of ${one}${also(same, alike)}:`,
        stdout,
      ),
      ...first.map(({ at, text }) => `    ${at[1]} = ${at[0]}: ${shownOn(stdout, short(text))}`),
    ]),
  ];
}

const also = (same: number, alike: number): string =>
  alike === 0 ? '' : `, ${whole(alike)} ${same === 0 ? '' : 'more '}but for case, punctuation and white space`;

function fileLines(file: FileSurvey, shown: Shown): string[] {
  const { name, kind, records, skipped, samples } = file;
  const { stdout, template } = shown;
  const [one, several] = kinds[kind];
  const rest = skipped.count > skipped.first.length ? `, the first ${skipped.first.length} of them` : '';
  const title = samples.length === 1 ? 'The first sample' : `The first ${samples.length} samples`;
  const isSaid = kind === 'conversation' && !('renderChat' in template);
  const how = isSaid ? 'without a chat template' : `in the template ${template.name}`;
  return [
    `${coloured(stdout, 'bold', name)}: ${whole(records)} ${records === 1 ? one : several}`,
    ...lengthLines(file),
    ...remarks(file, shown).map((line) => wrapped(`  ${line}`, stdout)),
    ...(skipped.count > 0
      ? [
          wrapped(`  ${counted(skipped.count, 'record')} cannot be used${rest}:`, stdout),
          ...skipped.first.map((each) => `    ${shownOn(stdout, each)}`),
        ]
      : []),
    ...(samples.length > 0
      ? ['', kind === 'text' ? `${title}, as far as it is shown here:` : `${title}, ${how}; ${maskInWords}:`]
      : []),
    ...samples.flatMap((sample) => ['', ...sampleLines(sample, file, shown)]),
  ];
}

/** A row for prompts, answers, documents: the columns are those of `Lengths`. */
function lengthLines({ lengths, unit }: FileSurvey): string[] {
  const columns = [
    ['least', 'least'],
    ['median', 'median'],
    ['p90', '90%'],
    ['p99', '99%'],
    ['most', 'most'],
    ['total', 'in all'],
  ] as const satisfies readonly (readonly [keyof Lengths, string])[];
  const rows = Object.entries(lengths) as [string, Lengths][];
  if (rows.length === 0) return [];
  const cells = [
    [unit as string, ...columns.map(([, title]) => title)],
    ...rows.map(([name, values]) => [name, ...columns.map(([column]) => whole(values[column]))]),
  ];
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  return cells.map(
    (row) =>
      `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]! + 2))).join('')}`,
  );
}

function remarks(file: FileSurvey, { maxPromptLength = 256, maxLength = 512 }: Shown): string[] {
  const { records, cut, unanswered, emptyAnswers, severalAnswers, mostAnswers, repeated, unit, kind } = file;
  const someAreCut = cut !== undefined && cut.prompts + cut.answers > 0;
  const lines: [isSo: boolean, line: string][] = [
    [
      cut !== undefined && !someAreCut,
      `All fit: prompts into ${maxPromptLength} tokens, with their answers into ${maxLength}.`,
    ],
    [
      someAreCut,
      `${countedOf(cut?.prompts ?? 0, records, 'prompt', 'are')} longer than ${maxPromptLength} tokens, to be cut inside; ` +
        `${countedOf(cut?.answers ?? 0, records, 'answer')} would lose the end beyond ${maxLength}.`,
    ],
    [unit === 'characters' && records > 0, '--tokenizer <source> counts tokens, and says what the limits would cut.'],
    [
      severalAnswers > 0,
      `${countedOf(severalAnswers, records, 'record', 'have')} several answers that count as right, up to ${whole(mostAnswers)}.`,
    ],
    [
      unanswered > 0,
      `${countedOf(unanswered, records, 'record', 'have')} no answer: they can be answered, not learnt.`,
    ],
    [emptyAnswers > 0, `${countedOf(emptyAnswers, records, 'record', 'have')} an empty answer.`],
    [
      repeated > 0,
      kind === 'text'
        ? `${countedOf(repeated, records, 'document', 'have')} the text of an earlier one.`
        : `${countedOf(repeated, records, 'record', 'have')} the question of an earlier one.`,
    ],
  ];
  return lines.filter(([isSo]) => isSo).map(([, line]) => line);
}

/** Characters of a prompt or an answer that are shown. */
const mostShown = 1500;

function sampleLines(sample: SurveySample, { kind }: FileSurvey, { stdout, tokenizer }: Shown): string[] {
  const { example, prompt, answer, references } = sample;
  const drawn = (pieces: readonly SamplePiece[]) =>
    drawnSample(pieces, stdout, mostShown).replace(/^/gm, '  ').split('\n');
  if (kind === 'text') return drawn([{ text: answer, isLearnt: false }]);
  const unread: SamplePiece[] = [
    { text: prompt, isLearnt: false },
    ...(references.length > 0 ? [{ text: answer, isLearnt: true }] : []),
  ];
  const more = references.slice(1).map((text) => `  or: ${shownOn(stdout, short(text))}`);
  return [...drawn(example && tokenizer ? samplePieces(example, tokenizer) : unread), ...more];
}

/** What `distillm eval` tells of its models: a table for people, a line of JSON each for programs, and a report. */
import {
  type AnswerCard,
  differenceTable,
  type EvaluatedModel,
  evaluationTable,
  type Table,
} from '../../entries/report.js';
import { type AnswerScores, type ComparedScores, type Example, type Perplexity, rougeL } from '../../index.js';
import type { Answer, Answerer } from './answering.js';
import type { Verdicts } from './judging.js';

/** A model with all that is known of it. */
export interface Evaluated {
  readonly name: string;
  readonly answerer: Answerer;
  readonly scores: AnswerScores;
  /** Of the first seed. */
  readonly answers: readonly Answer[];
  readonly perplexity: Perplexity | undefined;
  readonly verdicts: Verdicts;
  /** From the first model; absent of that one. */
  readonly difference: ComparedScores | undefined;
  /** For people. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A model as tables have it. */
const shown = ({ name, scores, perplexity, verdicts, difference, settings }: Evaluated): EvaluatedModel => ({
  ...{ name, scores, perplexity: perplexity?.perplexity },
  ...{ rating: verdicts.rating, comparison: verdicts.comparison, difference, settings },
});

export const shownModels = (models: readonly Evaluated[]): readonly EvaluatedModel[] => models.map(shown);

/** The tables in lines: the scores and, of several models, how they differ from the first. */
export function textTables(models: readonly Evaluated[]): string[] {
  const all = shownModels(models);
  const differences = differenceTable(all);
  return [...linesOf(evaluationTable(all)), ...(differences.rows.length > 0 ? ['', ...linesOf(differences)] : [])];
}

/** A table's columns under each other. */
function linesOf({ headings, rows }: Table): string[] {
  const lines = [headings, ...rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : cell.text)))];
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => Array.from(cells[column] ?? '').length)));
  const padded = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - Array.from(text).length));
  return lines.map((cells) =>
    cells
      .map((cell, i) => padded(cell, widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
}

/** A line of JSON: the means by their names, then what they come from. */
export function resultOf(
  { name, answerer, scores, perplexity, verdicts, difference }: Evaluated,
  {
    data,
    first,
    ...settings
  }: { readonly data: readonly string[]; readonly first: string } & Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { mean, deviation, interval, seeds } = scores;
  return {
    model: name,
    data: data.length === 1 ? data[0] : data,
    examples: answerer.examples.length,
    promptsCut: answerer.promptsCut,
    ...mean,
    ...(perplexity && { perplexity: perplexity.perplexity }),
    ...{ deviation, interval },
    ...(difference && { differenceFrom: first, difference }),
    ...(verdicts.rating && { judge: verdicts.rating }),
    ...(verdicts.comparison && { judge: verdicts.comparison }),
    ...{ seeds, settings: { ...answerer.settings, ...settings } },
  };
}

/** Cards of a page: more take long to open. */
const mostCards = 100;

/** Prompts with the answers of all models side by side, evenly spread over the records, and a sentence on how many. */
export function cardsOf(
  models: readonly Evaluated[],
  examples: readonly Example[],
): { cards: AnswerCard[]; note: string } {
  const shownCount = Math.min(mostCards, examples.length);
  const places = Array.from({ length: shownCount }, (_, i) => Math.floor((i * examples.length) / shownCount));
  const cards = places.map((place): AnswerCard => {
    const { instruction, input, references } = examples[place] as Example;
    return {
      prompt: instruction,
      ...(input !== '' && { input }),
      reference: references[0] ?? '',
      answers: models.map(({ name, answers, verdicts }) => {
        const text = answers[place]?.text ?? '';
        const rating = verdicts.scores?.[place];
        return { by: name, text, score: rougeL(text, references), ...(rating !== undefined && { rating }) };
      }),
    };
  });
  const note =
    shownCount < examples.length
      ? `Answers to ${shownCount} of the ${examples.length} records, evenly spread, are below; each is the one of the first seed.`
      : 'The answers below are those of the first seed.';
  return { cards, note };
}

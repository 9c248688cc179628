/** The scores and the answers of several models as one HTML file. It is a function of its arguments, and runs anywhere. */
import * as z from 'zod';
import { checkOptions, ranges } from '../settings/index.js';
import {
  differenceTable,
  type EvaluatedModel,
  evaluationTable,
  requireEvaluated,
  settingsTable,
} from './evaluationTable.js';
import { escaped } from './markup.js';
import { answerCards, paragraphs } from './options.js';
import { type AnswerCard, drawAnswers } from './page/answers.js';
import { drawPage } from './page/page.js';
import { drawTable } from './page/tables.js';

/** What a report of evaluations shows. */
export interface EvaluationReportOptions {
  /** Default: 'Evaluation'. */
  readonly title?: string;
  /** Paragraphs below the title. Default: none. */
  readonly lead?: readonly string[];
  /** Prompts with the answers of the models, side by side. Default: none. */
  readonly answers?: readonly AnswerCard[];
}

const options = z.strictObject({
  title: ranges.text.default('Evaluation'),
  lead: paragraphs,
  answers: answerCards.default([]),
});

const explained =
  'Means over the seeds; after \u00b1 the standard deviation over them; in brackets a bootstrap interval over the records ' +
  '(95%), which says how far other records of the same kind would move the mean.';

const differences =
  'Each score minus that of the first model; in brackets a bootstrap interval (95%) over the records, the same draws for both ' +
  'models; p is how likely a difference of this size, in either direction, would be if both were as good (paired bootstrap, ' +
  'two-sided). Of many scores some are below 0.05 by chance.';

/**
 * A report of evaluations: a table of all scores, another of the differences from the first model where they were compared, a
 * third of the settings where these are told, and the answers side by side. One HTML file without scripts that needs no network,
 * in the reader's colour scheme, for any width.
 * @param models with their scores, in the order of the columns
 * @throws OptionError for what is no list of models with scores, and for unknown and wrong options
 * @example
 * await writeFile('eval.html', reportEvaluations([{ name: 'student', scores: scoreAnswers(runs, references) }]));
 */
export function reportEvaluations(models: readonly EvaluatedModel[], given: EvaluationReportOptions = {}): string {
  requireEvaluated('reportEvaluations', models);
  const { title, lead, answers } = checkOptions('reportEvaluations', options, given);
  const table = drawTable(evaluationTable(models));
  const [compared, settings] = [differenceTable(models), settingsTable(models)];
  return drawPage(title, lead, [
    { heading: 'Scores', content: `${table}<p class="note">${escaped(explained)}</p>` },
    ...(compared.rows.length > 0
      ? [{ heading: 'Differences', content: `${drawTable(compared)}<p class="note">${escaped(differences)}</p>` }]
      : []),
    ...(settings.rows.length > 0 ? [{ heading: 'Settings', content: drawTable(settings) }] : []),
    ...(answers.length > 0 ? [{ heading: 'Answers', content: drawAnswers(answers as readonly AnswerCard[]) }] : []),
  ]);
}

/** Answers of several models to the same prompts, side by side: a card a prompt. */
import { element, escaped } from '../markup.js';
import { longText } from './longText.js';

/** A prompt, what was expected, and what was answered. */
export interface AnswerCard {
  /** What was asked, without what a template has around it. */
  readonly prompt: string;
  /** Further context that was asked about. Default: none. */
  readonly input?: string;
  /** What a right answer is. */
  readonly reference: string;
  /** In the order in which they are shown. */
  readonly answers: readonly {
    /** 'teacher', 'student before' */
    readonly by: string;
    /** The whole answer. Of a long one a page shows the beginning, which opens to all of it. */
    readonly text: string;
    /** ROUGE-L, 0 to 100. */
    readonly score?: number;
    /** A judge's, 1 to 10. */
    readonly rating?: number;
  }[];
}

export function drawAnswers(cards: readonly AnswerCard[]): string {
  return element('div', { class: 'cards' }, ...cards.map(drawCard));
}

function drawCard({ prompt, input = '', reference, answers }: AnswerCard): string {
  const lines = [
    drawAnswer('reference', reference, {}, 'reference'),
    ...answers.map(({ by, text, score, rating }) => drawAnswer(by, text, { score, rating })),
  ];
  const asked = [prompt, input].map((text) => text.trim()).filter((text) => text !== '');
  const paragraphs = asked.map((text, i) => element('p', i === 0 ? { class: 'asked' } : {}, escaped(text)));
  return element(
    'article',
    {},
    element('div', { class: 'prompt', tabindex: 0 }, ...paragraphs),
    element('dl', {}, ...lines),
  );
}

interface Marks {
  readonly score?: number | undefined;
  readonly rating?: number | undefined;
}

function drawAnswer(by: string, answer: string, { score, rating }: Marks, name?: string): string {
  const said = answer.trim() === '' ? element('em', {}, 'says nothing') : longText(answer.trim());
  const marks = [
    mark(score, 'ROUGE-L, 0 to 100', (value) => value.toFixed(0)),
    mark(rating, "a judge's score, 1 to 10", (value) => `judge ${Number(value.toFixed(1))}`),
  ];
  return element('dt', {}, escaped(by)) + element('dd', { class: name }, said, ...marks);
}

function mark(value: number | undefined, title: string, text: (value: number) => string): string {
  if (value === undefined || !Number.isFinite(value)) return '';
  return element('span', { class: 'score', title }, text(value));
}

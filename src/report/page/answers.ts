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
  }[];
}

export function drawAnswers(cards: readonly AnswerCard[]): string {
  return element('div', { class: 'cards' }, ...cards.map(drawCard));
}

function drawCard({ prompt, input = '', reference, answers }: AnswerCard): string {
  const lines = [
    drawAnswer('reference', reference, undefined, 'reference'),
    ...answers.map(({ by, text, score }) => drawAnswer(by, text, score)),
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

function drawAnswer(by: string, answer: string, score: number | undefined, name?: string): string {
  const said = answer.trim() === '' ? element('em', {}, 'says nothing') : longText(answer.trim());
  const points =
    score === undefined || !Number.isFinite(score)
      ? ''
      : element('span', { class: 'score', title: 'ROUGE-L, 0 to 100' }, score.toFixed(0));
  return element('dt', {}, escaped(by)) + element('dd', { class: name }, said, points);
}

/** A report as one HTML file that asks nothing of a network: its Content-Security-Policy forbids it. */
import type { Drawing } from '../charts/drawing.js';
import { element, escaped } from '../markup.js';
import { pageStyle } from './style.js';

export interface Section {
  readonly heading: string;
  /** HTML. */
  readonly content: string;
}

export function drawPage(title: string, lead: readonly string[], sections: readonly Section[]): string {
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    element('title', {}, escaped(title)),
    element('style', {}, pageStyle()),
  ];
  const header = [element('h1', {}, escaped(title)), ...lead.map((words) => element('p', {}, escaped(words)))];
  const body = [
    element('header', {}, ...header),
    element(
      'main',
      {},
      ...sections.map(({ heading, content }) => element('section', {}, element('h2', {}, escaped(heading)), content)),
    ),
    element('footer', {}, 'Made by distillm. This file needs no network: keep it, mail it, print it.'),
  ];
  return `<!doctype html><!-- a report of distillm -->\n<html lang="en"><head>\n${head.join('\n')}\n</head><body>\n${body.join('\n')}\n</body></html>\n`;
}

/** Charts side by side. */
export const drawFigures = (drawings: readonly Drawing[]): string =>
  element('div', { class: 'charts' }, ...drawings.map((drawing) => element('figure', {}, figure(drawing))));

const figure = ({ title, width, height, content }: Drawing): string =>
  element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title }, content);

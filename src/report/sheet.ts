/** Charts as one SVG file, for papers and slides: on white, in the light colours. */
import type { Drawing } from './charts/drawing.js';
import { fillOf } from './charts/theme.js';
import { element } from './markup.js';

const gap = 16;

/** In up to three columns, row by row. */
export function drawSheet(drawings: readonly Drawing[]): string {
  const columns = Math.min(drawings.length, drawings.length === 4 ? 2 : 3);
  let [top, width] = [gap, 0];
  const placed: string[] = [];
  for (let at = 0; at < drawings.length; at += columns) {
    const row = drawings.slice(at, at + columns);
    let left = gap;
    for (const each of row) {
      placed.push(element('g', { transform: `translate(${left} ${top})` }, each.content));
      left += each.width + gap;
    }
    width = Math.max(width, left);
    top += Math.max(...row.map(({ height }) => height)) + gap;
  }
  const paper = element('rect', { width, height: top, ...fillOf('paper') });
  return `<svg xmlns="http://www.w3.org/2000/svg" id="distillm-plot" width="${width}" height="${top}" viewBox="0 0 ${width} ${top}" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif">${paper}${placed.join('\n')}</svg>\n`;
}

/**
 * The colours of charts and reports in both schemes. SVG elements carry the light ones as attributes, so that a drawing
 * looks right in any viewer and in print; in a page the rules of `chartStyle` take their place, and follow the reader's
 * scheme.
 */

/** A colour in the light and in the dark scheme. */
type Pair = readonly [light: string, dark: string];

/**
 * Of series, after Okabe and Ito: people with any colour vision tell them apart. Each has 3:1 against its background.
 */
const series: readonly Pair[] = [
  ['#0072b2', '#56b4e9'],
  ['#d55e00', '#ff8c4a'],
  ['#008866', '#33cfa0'],
  ['#a6428a', '#e497c9'],
  ['#8a6100', '#f0c14a'],
  ['#5a5a5a', '#b9c0c8'],
];
/** So that series differ in print without colours, too, and where one lies over another: the first, drawn below, is solid. */
const dashes: readonly (string | undefined)[] = [
  undefined,
  '7 3',
  '2.5 2.5',
  '9 3 2.5 3',
  '14 4',
  '9 3 2.5 3 2.5 3',
  '1 4',
  '14 3 6 3',
];
/** Series after which a colour comes with a dash that it had: of eight and six all pairs come, the dashes moving on then. */
const inStep = 24;
/** Series that look different. */
const styles = series.length * dashes.length;

/** Whether two of these series look the same. */
export const alike = (indices: readonly number[]): boolean =>
  new Set(indices.map((index) => index % styles)).size < new Set(indices).size;

const named = {
  paper: ['#ffffff', '#14181d'],
  panel: ['#f6f7f9', '#1d2329'],
  ink: ['#1a1f25', '#e8ebee'],
  muted: ['#59626d', '#a3adb8'],
  rule: ['#dde1e6', '#343c45'],
  /** What a step trained on: answers of the data, and the student's own, fresh and replayed. */
  data: ['#c9ced5', '#4a535e'],
  generate: ['#0072b2', '#56b4e9'],
  replay: ['#85bfe0', '#2f6d93'],
} satisfies Record<string, Pair>;
export type ColourName = keyof typeof named;

/** How a series looks, by its place among the series. */
export const styleOf = (index: number) => {
  const place = index % series.length;
  return {
    stroke: { class: `stroke-${place}`, stroke: (series[place] as Pair)[0] },
    fill: { class: `fill-${place}`, fill: (series[place] as Pair)[0] },
    dash: dashes[(index + Math.floor((index % styles) / inStep)) % dashes.length],
  };
};

export const fillOf = (name: ColourName) => ({ class: `fill-${name}`, fill: named[name][0] });
export const strokeOf = (name: ColourName) => ({ class: `stroke-${name}`, stroke: named[name][0] });

/** CSS: the colours as variables of a page, and the rules by which charts take them. */
export function chartStyle(): string {
  const all: [string, Pair][] = [...Object.entries(named), ...series.map((pair, i): [string, Pair] => [`${i}`, pair])];
  const variables = (scheme: 0 | 1) => all.map(([name, pair]) => `--c-${name}:${pair[scheme]}`).join(';');
  const rules = all.map(([name]) => `.fill-${name}{fill:var(--c-${name})}.stroke-${name}{stroke:var(--c-${name})}`);
  return (
    `:root{color-scheme:light dark;${variables(0)}}\n@media (prefers-color-scheme:dark){:root{${variables(1)}}}\n` +
    `${rules.join('\n')}\n.strip{fill-opacity:0}.strip:hover{fill-opacity:.1}\n`
  );
}

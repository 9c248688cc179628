import { expect, it } from 'vitest';
import { alike, chartStyle, styleOf } from '../../src/report/charts/theme.js';

it('48 series look different, neighbours by colour and by dash, and of more it is told that some look the same', () => {
  const looks = Array.from({ length: 60 }, (_, i) => styleOf(i)).map(({ stroke, dash = 'solid' }) => [
    stroke.class,
    dash,
  ]);
  expect(new Set(looks.slice(0, 48).map((look) => look.join())).size).toBe(48);
  for (const [i, [colour, dash]] of looks.slice(1, 48).entries()) {
    expect([colour === looks[i]![0], dash === looks[i]![1]], `${i}`).toEqual([false, false]);
  }
  expect(looks[48]).toEqual(looks[0]);
  expect([alike([0, 18, 47]), alike([3, 3]), alike([0, 48])]).toEqual([false, false, true]);
});

/** The colours of a scheme by name. */
function coloursOf(style: string): Map<string, string> {
  return new Map([...style.matchAll(/--c-([\w]+):(#[0-9a-f]{6})/g)].map(([, name, colour]) => [name!, colour!]));
}

const channels = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
const linear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
/** Of WCAG 2. */
function contrast(one: string, other: string): number {
  const [light, dark] = [one, other]
    .map((colour) => {
      const [r, g, b] = channels(colour).map(linear) as [number, number, number];
      return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    })
    .sort((a, b) => b - a) as [number, number];
  return light / dark;
}

/** How dichromats see a colour: Vienot, Brettel and Mollon 1999, on linear RGB. */
const deficiencies: Readonly<Record<string, readonly (readonly number[])[]>> = {
  protanopia: [
    [0.11238, 0.88762, 0],
    [0.11238, 0.88762, 0],
    [0.00401, -0.00401, 1],
  ],
  deuteranopia: [
    [0.29275, 0.70725, 0],
    [0.29275, 0.70725, 0],
    [-0.02234, 0.02234, 1],
  ],
};

/** CIE L*a*b* of linear RGB. */
function lab(rgb: readonly number[]): number[] {
  const [r, g, b] = rgb as [number, number, number];
  const xyz = [
    (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
    0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
  ].map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116)) as [number, number, number];
  return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
}

const [light, dark] = chartStyle().split('@media').map(coloursOf) as [Map<string, string>, Map<string, string>];

it.each([
  ['light', light],
  ['dark', dark],
])('%s: text has the contrast of WCAG AA, lines that of graphics', (_, colours) => {
  const paper = colours.get('paper')!;
  for (const name of ['ink', 'muted']) {
    expect(contrast(colours.get(name)!, paper), name).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colours.get(name)!, colours.get('panel')!), name).toBeGreaterThanOrEqual(4.5);
  }
  for (let series = 0; series < 6; series++) {
    expect(contrast(colours.get(`${series}`)!, paper), `${series}`).toBeGreaterThanOrEqual(3);
  }
});

it.each([
  ['light', light],
  ['dark', dark],
])('%s: the first four series differ for every kind of colour vision', (_, colours) => {
  const series = [0, 1, 2, 3].map((i) => channels(colours.get(`${i}`)!).map(linear));
  const seen = {
    usual: series,
    ...Object.fromEntries(
      Object.entries(deficiencies).map(([name, matrix]) => [
        name,
        series.map((rgb) => matrix.map((row) => row.reduce((sum, part, i) => sum + part * rgb[i]!, 0))),
      ]),
    ),
  };
  for (const [vision, colours] of Object.entries(seen)) {
    for (const [i, one] of colours.entries()) {
      for (const [j, other] of colours.entries()) {
        if (j <= i) continue;
        const [a, b] = [lab(one), lab(other)];
        const distance = Math.hypot(...a.map((value, at) => value - b[at]!));
        // A just noticeable difference is 2.3.
        expect(distance, `${vision}: series ${i} and ${j}`).toBeGreaterThan(12);
      }
    }
  }
});

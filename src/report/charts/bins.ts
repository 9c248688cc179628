/**
 * Curves of any length in as many points as a chart has room for. A bin says what its values were on average and how
 * far they reached, so that no spike is lost.
 */

/** A value that is not finite is a gap. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Bin {
  readonly x: number;
  /** Of the finite values, as the next; NaN where there are none. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * @param points with x that rises, within [from, to]
 * @param most bins of equal width over [from, to]; so few points stay as they are
 */
export function binned(
  points: readonly Point[],
  { from, to, most }: { from: number; to: number; most: number },
): Bin[] {
  if (points.length <= most) return points.map(({ x, y }) => binOf([{ x, y }]));
  const width = (to - from) / most || 1;
  const parts = new Map<number, Point[]>();
  for (const point of points) {
    const place = Math.min(most - 1, Math.floor((point.x - from) / width));
    const part = parts.get(place);
    if (part) part.push(point);
    else parts.set(place, [point]);
  }
  return [...parts.values()].map(binOf);
}

function binOf(points: readonly Point[]): Bin {
  const x = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const values = points.map(({ y }) => y).filter(Number.isFinite);
  if (values.length === 0) return { x, mean: Number.NaN, low: Number.NaN, high: Number.NaN };
  return {
    x,
    mean: values.reduce((sum, y) => sum + y / values.length, 0),
    low: values.reduce((least, y) => Math.min(least, y)),
    high: values.reduce((most, y) => Math.max(most, y)),
  };
}

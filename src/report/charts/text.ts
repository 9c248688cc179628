/** How wide text is, without a font to ask: near enough to keep words apart. */

const narrow = /[ijl.,:;'|!()[\]{} -]/;
const broad = /[mwMW@%\u1100-\uffff]|\p{Extended_Pictographic}/u;

/** Pixels, for a sans-serif font of `size` pixels. */
export const textWidth = (text: string, size: number): number =>
  [...text].reduce((sum, each) => sum + (narrow.test(each) ? 0.34 : broad.test(each) ? 0.95 : 0.58), 0) * size;

/** Text that takes no more than `most` pixels: its middle is left out, for names of runs differ at either end. */
export function shortened(text: string, most: number, size: number): string {
  const characters = [...text];
  let kept = characters.length;
  if (textWidth(text, size) <= most) return text;
  const cut = () => {
    const [begin, end] = [characters.slice(0, Math.ceil(kept / 2)), characters.slice(-Math.floor(kept / 2))];
    return `${begin.join('')}\u2026${end.join('')}`;
  };
  do kept--;
  while (kept > 2 && textWidth(cut(), size) > most);
  return cut();
}

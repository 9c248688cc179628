/**
 * The TypeScript of a Markdown page as one module: its `ts` blocks. Other lines become empty, so that the line numbers of
 * errors are those of the page.
 */
export function codeOf(text) {
  let inside = false;
  return text
    .split('\n')
    .map((line) => {
      if (!line.startsWith('```')) return inside ? line : '';
      inside = line === '```ts';
      return '';
    })
    .join('\n');
}

/** SVG and HTML as text. Whatever comes from a log, a model or a user goes through `escaped`. */

export type Attributes = Readonly<Record<string, string | number | undefined>>;

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Text between tags or in an attribute. Characters that XML cannot hold become U+FFFD: one of them would make the whole
 * SVG unreadable.
 */
export const escaped = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"]/g, (character) => entities[character] as string);

/** An element without children closes itself, as SVG may and HTML may not: give '' to HTML. */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) =>
    value === undefined ? '' : ` ${key}="${typeof value === 'number' ? hundredths(value) : escaped(value)}"`,
  );
  const tag = name + written.join('');
  return children.length === 0 ? `<${tag}/>` : `<${tag}>${children.join('')}</${name}>`;
}

/** Nobody sees less than a hundredth of a pixel. */
export const hundredths = (value: number): number => Math.round(value * 100) / 100;

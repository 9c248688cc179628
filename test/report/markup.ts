/** Whether text is XML that every viewer can read, and what is in it. */

/** Throws where tags do not match, or where a character or an entity is none of XML's. */
export function requireWellFormed(xml: string): void {
  const open: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML cannot hold is looked for
  const wrong = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u.exec(xml);
  if (wrong) throw new Error(`a character that XML cannot hold at ${wrong.index}`);
  const rest = xml.replace(/<(\/?)([a-zA-Z][\w-]*)((?: [\w-]+="[^"<]*")*)(\/?)>/g, (_, closes, name, __, empty) => {
    if (closes) {
      const last = open.pop();
      if (last !== name) throw new Error(`</${name}> where </${last}> was expected`);
    } else if (!empty) open.push(name);
    return '';
  });
  if (open.length > 0) throw new Error(`<${open.at(-1)}> is not closed`);
  const stray = /[<>]|&(?!(?:amp|lt|gt|quot);)/.exec(rest);
  if (stray) throw new Error(`a stray ${stray[0]}: ${rest.slice(stray.index, stray.index + 40)}`);
}

/** The texts that a drawing shows, in order: those of its text elements. */
export const textsOf = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, words]) => words as string);

/** The `d` of each path of a class. */
export const pathsOf = (svg: string, name: string): string[] =>
  [...svg.matchAll(/<path[^>]*>/g)].flatMap(([tag]) =>
    new RegExp(`class="${name}"`).test(tag) ? (/ d="([^"]*)"/.exec(tag)?.slice(1) ?? []) : [],
  );

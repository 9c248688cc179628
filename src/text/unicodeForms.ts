/**
 * The normal forms of Unicode, as Hugging Face tokenizers has them: those of the JavaScript engine, but for characters that
 * are newer than the tables there. These stay as they are, and nothing composes over them.
 */

/** The forms. Their places are the numbers that assembly/text/normalizers/unicodeForm.ts has. */
export const unicodeForms = ['NFC', 'NFD', 'NFKC', 'NFKD'] as const;

/** Made by test/oracles/make/unicode_forms.py. In parentheses, so that `split` gives them too. */
const unknownToTheirs = new RegExp(
  `([${[
    String.raw`\u{7fd}\u{897}-\u{89f}\u{8ca}-\u{8d3}\u{9fe}\u{c3c}\u{d3b}-\u{d3c}\u{eba}\u{1715}\u{1abf}-\u{1add}`,
    String.raw`\u{1ae0}-\u{1aeb}\u{1df6}-\u{1dfa}\u{32ff}\u{a7f1}-\u{a7f4}\u{a82c}\u{ab69}\u{105c9}\u{105d2}\u{105da}`,
    String.raw`\u{105e4}\u{10781}-\u{10785}\u{10787}-\u{107b0}\u{107b2}-\u{107ba}\u{10d24}-\u{10d27}\u{10d69}-\u{10d6d}`,
    String.raw`\u{10eab}-\u{10eac}\u{10efa}-\u{10efb}\u{10efd}-\u{10eff}\u{10f46}-\u{10f50}\u{10f82}-\u{10f85}\u{11070}`,
    String.raw`\u{1133b}\u{11382}-\u{11385}\u{1138b}\u{1138e}\u{11390}-\u{11391}\u{113c2}\u{113c5}\u{113c7}-\u{113c8}`,
    String.raw`\u{113ce}-\u{113d0}\u{1145e}\u{11839}-\u{1183a}\u{11935}\u{11938}\u{1193d}-\u{1193e}\u{11943}\u{119e0}`,
    String.raw`\u{11a34}\u{11a47}\u{11a99}\u{11d42}\u{11d44}-\u{11d45}\u{11d97}\u{11f41}-\u{11f42}\u{1611e}`,
    String.raw`\u{16121}-\u{16129}\u{1612f}\u{16d63}\u{16d67}-\u{16d6a}\u{16ff0}-\u{16ff1}\u{1ccd6}-\u{1ccf9}`,
    String.raw`\u{1e030}-\u{1e06d}\u{1e08f}\u{1e130}-\u{1e136}\u{1e2ae}\u{1e2ec}-\u{1e2ef}\u{1e4ec}-\u{1e4ef}`,
    String.raw`\u{1e5ee}-\u{1e5ef}\u{1e6e3}\u{1e6e6}\u{1e6ee}-\u{1e6ef}\u{1e6f5}\u{1f16c}\u{1fbf0}-\u{1fbf9}`,
  ].join('')}])`,
  'u',
);

export const toUnicodeForm = (text: string, form: number): string =>
  text
    .split(unknownToTheirs)
    .map((part, i) => (i % 2 === 0 ? part.normalize(unicodeForms[form]) : part))
    .join('');

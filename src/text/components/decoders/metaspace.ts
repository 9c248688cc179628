/** Metaspace: the visible character becomes a space again; in the first token it goes. */
import { component } from '../component.js';
import { metaspaceFields } from '../preTokenizers/metaspace.js';

export const metaspaceDecoder = component('Metaspace', metaspaceFields, ({ replacement, scheme }) => (into) => {
  const { at, length } = into.text(replacement);
  into.wasm.addMetaspaceDecoder(at, length, scheme !== 'never');
});

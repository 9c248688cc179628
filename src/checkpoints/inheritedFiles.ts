/**
 * What a model that is made from another has of its companion files: how it answers (generation_config.json, the chat
 * template), and under which terms it may be used. A model card, scores and pictures tell of the other one alone.
 */
const terms = /^(licen[cs]e|notice|copying|copyright|(acceptable_)?use_policy)([._-]|$)/i;
const usage = new Set(['generation_config.json', 'chat_template.jinja']);

/** Those of a model's companion files that belong to one that is made from it as well. */
export const inheritedOf = (files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> =>
  new Map([...files].filter(([name]) => usage.has(name) || terms.test(name)));

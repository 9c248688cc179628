/** Whether a source is a whole address on the web, and no path or name. */
export const isWebAddress = (source: string): boolean => /^https?:\/\//i.test(source);

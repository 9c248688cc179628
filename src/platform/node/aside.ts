/** A name beside `target` for what is being written or removed; no other call or process has the same. */
export const aside = (target: string): string => `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;

/** Whether a name is one of these. */
export const isAside = (name: string): boolean => /\.\d+-[a-z0-9]+\.part$/.test(name);

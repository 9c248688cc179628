/** Names of folders in the private files of a site (the origin private file system): `opfs:runs/a`. */
const scheme = 'opfs:';

export const isPrivateName = (source: string): boolean => source.startsWith(scheme);

/** 'opfs:runs/a' -> 'runs/a' */
export const privatePath = (source: string): string => source.slice(scheme.length);

/** The first `node` in PATH that is not a package's. */
export function installedNode(): string | undefined;

/** See sources.mjs. */
export function divergenceFiles(): Promise<Readonly<Record<string, string>>>;
export function digestOf(name: string): Promise<string>;

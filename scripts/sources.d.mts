/** See sources.mjs. */
export function divergenceFiles(): Promise<Readonly<Record<string, string>>>;
export function digestOf(name: string): Promise<string>;
export function builtOf(name: string): Promise<string | undefined>;

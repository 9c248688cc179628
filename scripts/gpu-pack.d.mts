/** See gpu-pack.mjs. */
export function packScripts(folder: string): Promise<void>;

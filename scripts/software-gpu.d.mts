/** See software-gpu.mjs. */
export function softwareGPU(): Promise<
  { readonly env: Readonly<Record<string, string>>; readonly chromiumPath: string } | { readonly missing: string }
>;

/** Aborts at Ctrl-C or SIGTERM; `exitCode` is what shells expect then. */
export function interruption(): { readonly signal: AbortSignal; readonly exitCode: () => number } {
  const controller = new AbortController();
  let code = 0;
  for (const [name, number] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      code ||= number;
      controller.abort(new Error(`interrupted (${name})`));
    });
  }
  return { signal: controller.signal, exitCode: () => code };
}

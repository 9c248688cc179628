/** What the process returns, as `distillm --help` lists it. */
export const exitCodes = {
  done: 0,
  /** Files, data, devices or training failed. */
  failed: 1,
  /** Options that are missing, unknown, out of range or that contradict each other. */
  usage: 2,
  /** The terminal was closed or the connection to it lost (SIGHUP), after the run was saved. */
  hungUp: 129,
  /** Ctrl-C or SIGTERM, after the run was saved. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

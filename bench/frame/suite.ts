/** What `npm run bench` runs: each variant is a process of its own, so that V8 flags and peers do not mix. */
export interface Variant {
  readonly name: string;
  /** Script under bench/, or a Python script (skipped where Python or its packages are missing). */
  readonly script: string;
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
  /** Variables of its process beside those of this one. */
  readonly env?: Readonly<Record<string, string>>;
}
export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The first variant is what the ratios are taken against. */
  readonly variants: readonly Variant[];
}

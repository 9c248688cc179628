/** Logical processors that this page may use. */
export const hardwareConcurrency = (): number => navigator.hardwareConcurrency;

/** What is put around a text: the ids before and after it. */
export interface Template {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export const noTemplate: Template = { before: [], after: [] };

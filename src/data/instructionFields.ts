/** The names under which records hold instruction, input and output: Alpaca's, Dolly's and others', or the user's own. */

/** Which fields of a file's objects hold what. */
export interface InstructionFields {
  /** Default 'instruction', else 'prompt'. */
  readonly instruction?: string | undefined;
  /** Default 'input', else 'context'. */
  readonly input?: string | undefined;
  /** Default 'output', else 'response', else 'completion'. */
  readonly output?: string | undefined;
}

/** The names that are looked for, the first that is there counts. */
export type FieldNames = { readonly [Role in keyof InstructionFields]-?: readonly [string, ...string[]] };

/** What a record holds. */
export const fieldRoles = ['instruction', 'input', 'output'] as const satisfies readonly (keyof InstructionFields)[];

export const fieldNames = ({ instruction, input, output }: InstructionFields): FieldNames => ({
  instruction: instruction === undefined ? ['instruction', 'prompt'] : [instruction],
  input: input === undefined ? ['input', 'context'] : [input],
  output: output === undefined ? ['output', 'response', 'completion'] : [output],
});

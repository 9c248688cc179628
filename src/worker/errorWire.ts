/** Errors between threads: class, message, stack, cause and all fields, of which a structured clone keeps the text alone. */
import * as errors from '../errors.js';

/** An error as plain data, but for what its fields hold. */
export interface WrittenError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** The browser's own kind, AbortError for example. */
  readonly isDOM: boolean;
  /** Its cause among them. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Classes of ours and of the language by the names of their errors. */
const classes = new Map<string, { readonly prototype: object }>([
  ...Object.entries(errors).flatMap(([name, made]) =>
    typeof made === 'function' && made.prototype instanceof Error ? [[name, made] as const] : [],
  ),
  ...[EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(
    (made) => [made.name, made] as const,
  ),
]);

/** @param write how what the error holds travels; what cannot travel is left out */
export function writeError(error: Error, write: (value: unknown) => unknown): WrittenError {
  const { name, message, stack, cause } = error;
  const fields: Record<string, unknown> = {};
  for (const [field, value] of Object.entries({ ...error, ...(cause !== undefined && { cause }) })) {
    if (field === 'name') continue;
    try {
      fields[field] = write(value);
    } catch {
      // A function, say, that an error names as what it found.
    }
  }
  return { name, message, stack, isDOM: error instanceof DOMException, fields };
}

/** The error again, of its class where that is one of ours or of the language. */
export function readError({ name, message, stack, isDOM, fields }: WrittenError): Error {
  if (isDOM) return new DOMException(message, name);
  const error = new Error(message);
  const made = classes.get(name);
  if (made) Object.setPrototypeOf(error, made.prototype);
  const { cause, ...own } = fields;
  const hidden = { stack, ...('cause' in fields && { cause }) };
  for (const [field, value] of Object.entries(hidden)) {
    Object.defineProperty(error, field, { value, writable: true, configurable: true });
  }
  // An error of ours has its name as a field.
  return Object.assign(error, error.name !== name || error instanceof errors.DistillmError ? { name } : {}, own);
}

/**
 * Why a request failed. What `fetch` throws says "fetch failed" and has the system's reason inside, in causes of causes
 * and, of a host with several addresses, in a list of errors. A browser tells no reason to a page: its console has it.
 */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no server listens at this address',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  ETIMEDOUT: 'the server does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'the server does not answer',
  UND_ERR_BODY_TIMEOUT: 'the server sends no more',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'there is no network',
  CERT_HAS_EXPIRED: 'the certificate of the server has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of the server is its own',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of the server is its own',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate of the server cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is that of another server',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak https',
};

/** What Chromium, Firefox and Safari say of every request that failed. */
const untold = /^(failed to fetch|networkerror when attempting to fetch resource\.?|load failed)$/i;
const inPages =
  '; a browser tells no more: there is no network, the Content-Security-Policy does not name the host in connect-src, or its ' +
  'server does not allow pages of other origins (CORS)';

/** "no server listens at this address (ECONNREFUSED)"; the innermost message of an error that is not known. */
export function requestReason(error: unknown): string {
  const inner = insideOf(error);
  const known = inner.find(({ code }) => typeof code === 'string' && Object.hasOwn(reasons, code));
  if (known) return `${reasons[known.code as string]} (${known.code})`;
  const told = inner.findLast(({ message }) => message)?.message ?? String(error);
  return untold.test(told) ? `${told.replace(/\.$/, '')}${inPages}` : told;
}

interface Reason {
  readonly code?: unknown;
  readonly message?: string;
}

/** Deeper than causes are. It ends the walk through a cycle. */
const DEEPEST = 5;

/** The error and what is in it, from the outside in. */
function insideOf(error: unknown, depth = 0): Reason[] {
  if (!(error instanceof Error) || depth > DEEPEST) return [];
  const parts = error instanceof AggregateError ? error.errors : [];
  return [error, ...parts.slice(0, 1), error.cause].flatMap((each, at) =>
    at === 0 ? [each as Reason] : insideOf(each, depth + 1),
  );
}

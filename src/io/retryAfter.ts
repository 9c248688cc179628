/** How long a server asks to wait before the next try (RFC 9110, section 10.2.3): in seconds, or until a date. */

/**
 * Milliseconds; undefined where the header is absent or says nothing.
 * @param now milliseconds since 1970, from which a date is reckoned
 */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const wish = headers.get('Retry-After')?.trim() ?? '';
  if (/^\d+(?:\.\d+)?$/.test(wish)) return 1000 * Number(wish);
  // V8 takes nearly anything for a date; those of HTTP begin with a day of the week.
  const date = /^[A-Z][a-z]{2}/.test(wish) ? Date.parse(wish) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

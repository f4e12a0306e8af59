/** What stands where a value is not shown. No header may hold it (it is not ASCII), so sending it back is unambiguous. */
export const REDACTED = '••••';

/** Names that tell of a credential: `authorization`, `cookie`, `x-api-key`, `x-acme-token`, … */
const SENSITIVE = /cookie|token|secret|key|auth|password/i;

/** A subscription's own headers for readers: values that look like credentials are hidden. */
export const redactHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, SENSITIVE.test(name) ? REDACTED : value] as const),
  );

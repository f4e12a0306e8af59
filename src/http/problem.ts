/** One fault of a request: where, as a JSON pointer into the body (`/url`) or a query parameter (`?limit`), and what to change. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

interface Extra {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer other than success: thrown by handlers, sent as `application/problem+json` (RFC 9457). */
export class HttpProblem extends Error {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail for people: what is wrong and what to do about it */
  constructor(status: number, code: string, detail: string, { errors, headers = {} }: Extra = {}) {
    super(detail);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.headers = headers;
  }
}

/** @param what e.g. `subscription sub_…`; the same for what does not exist and for what is somebody else's */
export const notFound = (what: string): HttpProblem => new HttpProblem(404, 'not_found', `there is no ${what}`);

export const forbidden = (detail: string): HttpProblem => new HttpProblem(403, 'forbidden', detail);

export const conflict = (code: string, detail: string): HttpProblem => new HttpProblem(409, code, detail);

/** At most so many faults are listed: a body can hold 100,000. */
const MAX_ERRORS = 20;

/** What the client sent does not fit the schema, or a rule beyond it. */
export function validationFailed(errors: readonly FieldError[], code = 'validation_failed'): HttpProblem {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first ? `${first.path || 'the body'} ${first.message}${more}` : 'the request is not valid';
  return new HttpProblem(422, code, detail, { errors: errors.slice(0, MAX_ERRORS) });
}

/** A service that the answer needs is away for the moment. */
export const unavailable = (detail: string, retryAfterSeconds = 5): HttpProblem =>
  new HttpProblem(503, 'unavailable', detail, { headers: { 'retry-after': String(retryAfterSeconds) } });

/** Exit codes: 0 is success. */
export const FAILURE = 1;
export const USAGE = 2;

/** Ends a command with one line that says what to change. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = FAILURE) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export const usageError = (message: string): CliError => new CliError(message, USAGE);

/** A problem that the API answered with (RFC 9457). */
export class ApiProblem extends CliError {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
  }
}

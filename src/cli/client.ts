import { ApiProblem, CliError, usageError } from './errors.ts';

/** The HTTP API, as a command calls it. */
export interface Client {
  readonly url: string;
  /** @throws {ApiProblem} when the answer is not 2xx; {CliError} when there is none */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** As `call`, with the texts as they are: data must not pass a parser. */
  text(method: string, path: string, options?: TextOptions): Promise<string>;
}

export interface TextOptions {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The options that every command on the HTTP API has. */
export interface RemoteOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** A long poll takes 20 s. */
const TIMEOUT_MS = 30_000;

/** @throws {CliError} when there is no URL or key to be found */
export async function createClient(options: RemoteOptions): Promise<Client> {
  const url = readUrl(options.url ?? process.env.POSTRIDER_URL ?? DEFAULT_URL);
  const key = await findKey(options, url);

  async function text(method: string, path: string, { body, headers, signal }: TextOptions = {}): Promise<string> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const request = {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body !== undefined && { body }),
    };
    try {
      const response = await fetch(`${base(url)}${path}`, request);
      const answer = await response.text();
      if (response.ok) return answer;
      throw problemOf(response.status, answer);
    } catch (error) {
      throw error instanceof CliError || signal?.aborted ? error : unreachable(url, error);
    }
  }

  return {
    url: base(url),
    text,
    async call<T>(method: string, path: string, body?: unknown) {
      const answer = await text(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
      return (answer === '' ? null : JSON.parse(answer)) as T;
    },
  };
}

const base = (url: URL): string => url.href.replace(/\/+$/, '');

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw usageError(`POSTRIDER_URL (or --url) is ${JSON.stringify(text)}: it must be a URL such as ${DEFAULT_URL}`);
}

/** The key that a start made for itself is for the service on this machine only. */
async function findKey({ key }: RemoteOptions, url: URL): Promise<string> {
  const given = key ?? process.env.POSTRIDER_API_KEY ?? process.env.ADMIN_API_KEY;
  if (given) return given;
  const dataDir = process.env.DATA_DIR || '.postrider';
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    const { existingKeys } = await import('../embedded/index.ts');
    const own = await existingKeys(dataDir);
    if (own) return own.adminApiKey;
  }
  throw new CliError(`no API key: set POSTRIDER_API_KEY or --key (and there is none in ${dataDir}/keys.json)`);
}

function problemOf(status: number, answer: string): ApiProblem {
  const { code = 'unknown', detail = answer.slice(0, 200) } = parseProblem(answer);
  const advice = status === 401 ? ': set POSTRIDER_API_KEY or --key to a key of this service' : '';
  return new ApiProblem(status, code, `${detail} (${status} ${code})${advice}`);
}

function parseProblem(answer: string): { code?: string; detail?: string } {
  try {
    return { ...(JSON.parse(answer) as object) };
  } catch {
    return {};
  }
}

function unreachable(url: URL, error: unknown): CliError {
  const reason = reasonOf(error);
  return new CliError(`${url.origin} cannot be reached (${reason}): start Postrider, or set POSTRIDER_URL or --url`);
}

/** The system's name of a network error, which `fetch` hides in its cause. */
export function reasonOf(error: unknown): string {
  const { cause, name, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return 'no answer in time';
  return cause?.code ?? cause?.message ?? message;
}

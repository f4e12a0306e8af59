import { createClient, type RemoteOptions, reasonOf } from '../client.ts';
import { ApiProblem, CliError } from '../errors.ts';
import { error, type Finding, ok, warning } from './finding.ts';

interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[];
}

/** The API: alive, ready, and it takes the key. */
export async function checkApi(options: RemoteOptions): Promise<Finding[]> {
  try {
    const client = await createClient(options);
    await client.text('GET', '/health');
    return [ok('API', client.url), ...(await checkReadiness(client.url)), await checkKey(client)];
  } catch (failure) {
    return [error('API', failure instanceof CliError ? failure.message : reasonOf(failure))];
  }
}

/** Its 503 is an answer with reasons in it. */
async function checkReadiness(url: string): Promise<Finding[]> {
  const answer = (await (await fetch(`${url}/ready`, { signal: AbortSignal.timeout(10_000) })).json()) as Readiness;
  return answer.checks.map(({ name, ok: good, detail }) =>
    good ? ok(`API's ${name}`, 'ready') : warning(`API's ${name}`, detail ?? 'not ready'),
  );
}

async function checkKey(client: Awaited<ReturnType<typeof createClient>>): Promise<Finding> {
  try {
    await client.call('GET', '/v1/api-keys?limit=1');
    return ok('API key', 'accepted, scope admin');
  } catch (failure) {
    if (!(failure instanceof ApiProblem)) throw failure;
    return failure.status === 403 ? ok('API key', 'accepted, of a lesser scope') : error('API key', failure.message);
  }
}

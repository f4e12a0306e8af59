import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { codeOf, SendFailure } from './failure.ts';

/** Host name → its addresses, IPv4 first, never empty. Rejects with a {@link SendFailure} `dns_failed`. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** Asks the name servers; rejects with ENOTFOUND or ENODATA where there is no answer. */
export interface NameServers {
  resolve4(hostname: string): Promise<string[]>;
  resolve6(hostname: string): Promise<string[]>;
}

export interface ResolverOptions {
  /** Default: c-ares, at most 2 tries of 2 s. */
  readonly nameServers?: NameServers;
  /** Asks the operating system, which knows /etc/hosts and search domains. Default: getaddrinfo. */
  readonly system?: (hostname: string) => Promise<readonly string[]>;
}

/** getaddrinfo calls at once: it runs on libuv's 4 threads, where four slow names would stall everybody's file access and DNS. */
const SYSTEM_CALLS = 2;

/** With this many names waiting for getaddrinfo the name servers' "not found" stands: dead names must not queue up for each other. */
const SYSTEM_QUEUE = 16;

/** How long the second family's answer is waited for once the first is here (RFC 8305 §3): some servers never answer AAAA. */
const RESOLUTION_DELAY_MS = 50;

/** RFC 6761 §6.3: these never reach a name server. */
const LOOPBACK = ['127.0.0.1', '::1'];

/** Codes of the name servers' answer (or absence: no server runs here) after which the operating system is asked. */
const UNKNOWN = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']);

/** Resolves names without libuv's thread pool; look-ups of one name that are in flight are shared. */
export function createResolver(options: ResolverOptions = {}): Resolve {
  const nameServers = options.nameServers ?? new Resolver({ timeout: 2000, tries: 2 });
  const system = limited(options.system ?? systemAddresses);
  const inFlight = new Map<string, Promise<readonly string[]>>();
  return async (hostname) => {
    if (isIP(hostname) !== 0) return [hostname];
    const name = hostname.toLowerCase().replace(/\.$/, '');
    if (name === 'localhost' || name.endsWith('.localhost')) return LOOPBACK;
    const running = inFlight.get(name);
    if (running) return running;
    const started = addressesOf(name, nameServers, system).finally(() => inFlight.delete(name));
    inFlight.set(name, started);
    return started;
  };
}

type SystemLookup = (hostname: string) => Promise<readonly string[]> | null;

async function addressesOf(name: string, nameServers: NameServers, system: SystemLookup): Promise<readonly string[]> {
  try {
    return await ask(nameServers, name);
  } catch (error) {
    const answer = UNKNOWN.has(codeOf(error)) ? await system(name)?.catch(() => []) : [];
    if (answer && answer.length > 0) return answer;
    throw dnsFailure(name, codeOf(error));
  }
}

/** A and AAAA together. One family's failure does not matter while the other has addresses. */
async function ask(nameServers: NameServers, name: string): Promise<string[]> {
  const found = new Map<number, string[]>();
  const keep = (family: number) => (list: string[]) => void found.set(family, list);
  const four = nameServers.resolve4(name).then(keep(4));
  const six = nameServers.resolve6(name).then(keep(6));
  try {
    await Promise.any([four, six]);
  } catch (error) {
    throw mostTelling(error as AggregateError);
  }
  await settledWithin([four, six], RESOLUTION_DELAY_MS);
  return [...(found.get(4) ?? []), ...(found.get(6) ?? [])];
}

async function settledWithin(promises: readonly Promise<void>[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([Promise.allSettled(promises), late]);
  clearTimeout(timer);
}

/** "No such record" for one family says less than what went wrong with the other. */
const mostTelling = ({ errors }: AggregateError): unknown =>
  errors.find((each: unknown) => codeOf(each) !== 'ENODATA') ?? errors[0];

function dnsFailure(name: string, code: string): SendFailure {
  if (UNKNOWN.has(code)) return new SendFailure('dns_failed', `the name ${name} does not resolve`);
  const why = code === 'ETIMEOUT' ? 'its name servers do not answer' : code || 'unknown error';
  return new SendFailure('dns_failed', `the name ${name} could not be resolved (${why})`);
}

async function systemAddresses(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}

/** At most {@link SYSTEM_CALLS} at a time; null when {@link SYSTEM_QUEUE} are waiting already. */
function limited(call: (hostname: string) => Promise<readonly string[]>): SystemLookup {
  const waiting: (() => void)[] = [];
  let running = 0;
  const turn = async (hostname: string): Promise<readonly string[]> => {
    if (running >= SYSTEM_CALLS) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await call(hostname);
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
  return (hostname) => (waiting.length >= SYSTEM_QUEUE ? null : turn(hostname));
}

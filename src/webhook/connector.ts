import { once } from 'node:events';
import { connect, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { EgressGuard } from './egress-guard.ts';
import { codeOf, hostAndPort, inWords, SendFailure, tcpFailure } from './failure.ts';
import type { Resolve } from './resolver.ts';
import { msSince } from './since.ts';
import { createHandshake, type TlsOptions } from './tls.ts';

/** How long the steps to a connection took, in milliseconds; null for a step that did not happen (yet). */
export interface Phases {
  dnsMs: number | null;
  connectMs: number | null;
  tlsMs: number | null;
}

export interface Target {
  readonly secure: boolean;
  /** A name or a literal address, without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/**
 * Opens a connection to a vetted address. Fills `phases` as it goes. Aborting `aborter` ends it at once; it aborts it itself
 * when its own time is over. Rejects with a {@link SendFailure}.
 */
export type Connect = (target: Target, phases: Phases, aborter: AbortController) => Promise<Socket>;

export interface ConnectorOptions {
  readonly guard: EgressGuard;
  readonly resolve: Resolve;
  /** For DNS, TCP and TLS together, in milliseconds. */
  readonly timeoutMs: number;
  readonly tls?: TlsOptions;
}

/** An address that stays silent this long makes way for the next one, unless it is the last. */
const NEXT_ADDRESS_MS = 1000;

export function createConnector({ guard, resolve, timeoutMs, tls }: ConnectorOptions): Connect {
  const handshake = createHandshake(tls);

  const open = async (target: Target, phases: Phases, signal: AbortSignal): Promise<Socket> => {
    const addresses = await timed(phases, 'dnsMs', abortable(resolveName(resolve, target.hostname), signal));
    if (isIP(target.hostname) !== 0) phases.dnsMs = null;
    vet(guard, target.hostname, addresses);
    const socket = await timed(phases, 'connectMs', openTcp(addresses, target, signal));
    return target.secure ? timed(phases, 'tlsMs', handshake(socket, target.hostname, signal)) : socket;
  };

  return async (target, phases, aborter) => {
    const timer = setTimeout(() => aborter.abort(tooSlow(target, phases, timeoutMs)), timeoutMs);
    try {
      return await open(target, phases, aborter.signal);
    } catch (error) {
      throw aborter.signal.aborted ? aborter.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  };
}

async function timed<T>(phases: Phases, phase: keyof Phases, step: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await step;
  phases[phase] = msSince(start);
  return result;
}

/** Whatever else goes wrong in a resolver is a failure of DNS too. */
async function resolveName(resolve: Resolve, hostname: string): Promise<readonly string[]> {
  try {
    const addresses = await resolve(hostname);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    if (error instanceof SendFailure) throw error;
    throw new SendFailure('dns_failed', `the name ${hostname} could not be resolved (${codeOf(error) || error})`);
  }
  throw new SendFailure('dns_failed', `the name ${hostname} does not resolve`);
}

/**
 * One blocked address blocks the connection: a name with a public and a private address is an attack or a mistake. For names
 * the sentence keeps the address to itself, lest partners read an internal network's DNS through it.
 */
function vet(guard: EgressGuard, hostname: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    const verdict = guard.check(address);
    if (verdict.allowed) continue;
    const sentence = isIP(hostname) === 0 ? `${hostname} resolves to ${verdict.kind}` : verdict.reason;
    throw new SendFailure('blocked_address', sentence);
  }
}

/** Connects to the addresses given and to nothing else: Node's own family selection tries them in turn, without a second look-up. */
async function openTcp(addresses: readonly string[], target: Target, signal: AbortSignal): Promise<Socket> {
  const socket = connect(tcpOptions(addresses, target)).setNoDelay(true).setKeepAlive(true, 60_000);
  socket.on('error', () => undefined); // between this and undici's own listener nobody would catch one
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? error : tcpFailure(error, hostAndPort(addresses[0] ?? '', target.port));
  }
}

function tcpOptions(addresses: readonly string[], { hostname, port }: Target): TcpNetConnectOpts {
  const [first = ''] = addresses;
  if (addresses.length === 1) return { host: first, port };
  const vetted = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_hostname, _options, callback) => callback(null, vetted);
  const inTurn = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS };
  return { host: hostname, port, lookup, ...inTurn };
}

/** A promise that cannot be stopped is left behind when the signal says so. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function tooSlow({ hostname, port }: Target, { dnsMs, connectMs }: Phases, timeoutMs: number): SendFailure {
  const time = inWords(timeoutMs);
  const where = hostAndPort(hostname, port);
  if (connectMs !== null) return new SendFailure('timeout', `the TLS handshake with ${where} took longer than ${time}`);
  if (dnsMs !== null || isIP(hostname) !== 0)
    return new SendFailure('timeout', `no connection to ${where} within ${time}`);
  return new SendFailure('timeout', `the name ${hostname} was not resolved within ${time}`);
}

import { getServers } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { Config } from '../../config.ts';
import { publicId } from '../../domain/ids.ts';
import { sampleTargets } from '../../store/diagnosis.ts';
import { createPool } from '../../store/pool.ts';
import { checkTargetUrl, createEgressGuard } from '../../webhook/index.ts';
import { error, type Finding, ok, warning } from './finding.ts';

type EgressGuard = ReturnType<typeof createEgressGuard>;

/** So many of the newest subscriptions are looked at. */
const TARGETS = 5;

/** The way out: names can be looked up, and the guard lets the subscriptions' URLs through. Connects to none of them. */
export async function checkEgress(config: Config): Promise<Finding[]> {
  let guard: EgressGuard;
  try {
    guard = createEgressGuard({ allowedCidrs: config.allowedTargetCidrs });
  } catch (failure) {
    return [error('egress', `ALLOWED_TARGET_CIDRS: ${(failure as Error).message}`)];
  }
  if (getServers().length === 0) return [error('egress', 'no DNS server is known: check /etc/resolv.conf')];
  const targets = await readTargets(config);
  const found = await Promise.all(targets.map((target) => checkTarget(target, config, guard)));
  const problems = found.flat();
  return problems.length > 0 ? problems : [ok('egress', `${targets.length} URLs of subscriptions looked up`)];
}

async function readTargets({ databaseUrl }: Config): Promise<{ id: string; url: string }[]> {
  if (databaseUrl === null) return [];
  const pool = createPool({ url: databaseUrl, max: 1, applicationName: 'postrider-doctor', onError: () => {} });
  try {
    return await sampleTargets(pool, TARGETS);
  } catch {
    return []; // the look at the database has said why
  } finally {
    await pool.end();
  }
}

async function checkTarget({ id, url }: { id: string; url: string }, config: Config, guard: EgressGuard) {
  const part = `egress to ${publicId('sub', id)}`;
  const fault = checkTargetUrl(url, { allowHttp: config.allowHttpTargets, guard });
  const change = fault?.code === 'blocked_address' ? 'ALLOWED_TARGET_CIDRS' : 'ALLOW_HTTP_TARGETS';
  if (fault) return [warning(part, `${fault.message}: correct its URL, or ${change}`)];
  try {
    const addresses = await lookup(new URL(url).hostname.replace(/^\[|\]$/g, ''), { all: true });
    const verdicts = addresses.map(({ address }) => guard.check(address));
    if (verdicts.some(({ allowed }) => allowed)) return [];
    const reason = verdicts.flatMap((verdict) => (verdict.allowed ? [] : [verdict.reason]))[0];
    return [warning(part, `${reason}: correct its URL, or ALLOWED_TARGET_CIDRS`)];
  } catch (failure) {
    return [
      warning(part, `its name cannot be looked up (${(failure as NodeJS.ErrnoException).code}): is DNS reachable?`),
    ];
  }
}

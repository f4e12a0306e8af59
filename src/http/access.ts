import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PARTNER_ID } from '../domain/event.ts';
import type { Partners } from '../store/partners.ts';
import type { Principal } from './authentication.ts';
import type { ServerDeps } from './deps.ts';
import { limitRequests } from './limit-requests.ts';
import { forbidden, HttpProblem, notFound } from './problem.ts';

/** Who may use a route: `admin` keys only; `publish` keys too; `partner` keys too, for their own partner. */
export type Access = 'admin' | 'publish' | 'partner';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set by {@link guardRoutes}; null outside of it. */
    principal: Principal | null;
  }
}

type Guards = Pick<ServerDeps, 'authentication' | 'rateLimit' | 'noteKeyUse'>;

/** From here on every route says who may use it, and is closed to everybody else. */
export function guardRoutes(app: FastifyInstance, deps: Guards): void {
  const limit = limitRequests(deps.rateLimit);
  app.decorateRequest('principal', null);
  app.addHook('onRoute', ({ method, url, config }) => {
    if (!config?.access) throw new Error(`${method} ${url} does not say who may use it (config.access)`);
    const isBelowPartner = url.includes('/:partnerId');
    if (config.access === 'partner' && !isBelowPartner) throw new Error(`${method} ${url} names no partner`);
  });
  app.addHook('onRequest', (request, reply, done) => {
    const admit = (answer: Principal | HttpProblem) => {
      if (answer instanceof HttpProblem) return done(answer);
      if (answer.id !== null) deps.noteKeyUse(answer.id);
      done(limit(answer, reply) ?? admission(answer, request) ?? undefined);
    };
    const answer = deps.authentication.authenticate(request.headers.authorization);
    if (answer instanceof Promise) answer.then(admit, done);
    else admit(answer);
  });
}

/** For a request that lasts: its key may have been revoked, or have expired, since it came. Throws what it would be answered now. */
export async function judgeAgain(
  authentication: Guards['authentication'],
  { headers }: Pick<FastifyRequest, 'headers'>,
): Promise<void> {
  const answer = await authentication.authenticate(headers.authorization);
  if (answer instanceof HttpProblem) throw answer;
}

/** Why the request may not pass, or null. Of another partner's resources a partner does not even learn that they exist. */
function admission(answer: Principal, request: FastifyRequest): HttpProblem | null {
  request.principal = answer;
  const { scope } = answer;
  if (scope === 'admin') return null;
  const partnerId = partnerIdOf(request);
  if (scope === 'partner' && partnerId !== undefined && partnerId !== answer.partnerId) return noPartner(partnerId);
  return scope === request.routeOptions.config.access ? null : forbidden(`a key of scope ${scope} may not do this`);
}

/** For routes below a partner: 404 when there is no such partner. */
export const requirePartner =
  (partners: Pick<Partners, 'find'>) =>
  async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    const id = partnerIdOf(request) ?? '';
    if (!isPartnerId(id) || !(await partners.find(id))) throw noPartner(id);
  };

/** Anything else cannot be in the database, and may not even be text that Postgres takes. */
export const isPartnerId = (id: string): boolean => PARTNER_ID.test(id);

export const noPartner = (id: string): HttpProblem => notFound(`partner ${id}`);

const partnerIdOf = ({ params }: FastifyRequest): string | undefined =>
  (params as { partnerId?: string } | undefined)?.partnerId;

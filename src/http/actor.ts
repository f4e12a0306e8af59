import type { FastifyRequest } from 'fastify';
import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import type { Principal } from './authentication.ts';

type Asking = Pick<FastifyRequest, 'id'> & { readonly principal: Principal | null };

/** Who asks, for the record. */
export const actorOf = ({ principal, id }: Asking): Actor => ({
  name: principal?.id ? publicId('key', principal.id) : 'settings',
  requestId: id,
});

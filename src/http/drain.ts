import type { App } from './deps.ts';

const LOOK_EVERY_MS = 50;

/**
 * Lets a load balancer go elsewhere before the server closes: once `isStopping`, every answer asks for its connection to be closed. And
 * on close, ends the connections as soon as no request is under way: Node by itself waits for connections that are open but have
 * not sent a request yet (browsers and pools open some ahead), up to half a minute.
 */
export function drainOnClose(app: App, isStopping: () => boolean): void {
  let underWay = 0;
  let looking: NodeJS.Timeout | undefined;
  app.addHook('onRequest', (_request, reply, next) => {
    underWay++;
    if (isStopping()) reply.header('connection', 'close');
    next();
  });
  app.addHook('onResponse', (_request, _reply, next) => {
    underWay--;
    next();
  });
  app.addHook('preClose', (next) => {
    let quiet = 0;
    looking = setInterval(() => {
      quiet = underWay === 0 ? quiet + 1 : 0;
      if (quiet >= 2) app.server.closeAllConnections(); // twice: a request may just be arriving
    }, LOOK_EVERY_MS);
    next();
  });
  app.addHook('onClose', (_app, next) => {
    clearInterval(looking);
    next();
  });
}

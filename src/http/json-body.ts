import { isUtf8 } from 'node:buffer';
import type { FastifyBodyParser, FastifyInstance } from 'fastify';
import { type FieldError, HttpProblem, validationFailed } from './problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body's text as it came; only where {@link keepRawBody} is in force. */
    rawBody: string;
  }
}

/** Takes JSON and nothing else, and refuses what Postgres could not keep. */
export function takeJson(app: FastifyInstance): void {
  app.decorateRequest('rawBody', '');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    toParser((text) => {
      const value = parseJson(text);
      const faults = unstorable(value);
      if (faults.length > 0) throw validationFailed(faults, 'invalid_characters');
      return value;
    }),
  );
}

/** For routes that carry a part of the body byte for byte: keeps its text, and looks no further into it. */
export function keepRawBody(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    toParser((text, request) => {
      request.rawBody = text;
      return parseJson(text);
    }),
  );
}

type Read = (text: string, request: Parameters<FastifyBodyParser<Buffer>>[0]) => unknown;

/** An empty body is none, whatever its content type says: clients label DELETE and POST without a body as JSON. */
const toParser =
  (read: Read): FastifyBodyParser<Buffer> =>
  (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    if (!isUtf8(body)) return done(new HttpProblem(400, 'invalid_utf8', 'the body is not valid UTF-8'));
    done(null, read(body.toString(), request)); // what it throws, Fastify answers
  };

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpProblem(400, 'invalid_json', `the body is not valid JSON: ${(error as Error).message}`);
  }
}

/** Deeper nesting is no use to anybody and overflows the stack of what reads it later. */
const MAX_DEPTH = 32;

/** Text that Postgres cannot hold (NUL) or would change (lone surrogates), and nesting beyond reason. */
function unstorable(root: unknown): FieldError[] {
  const faults: FieldError[] = [];
  const visit = (value: unknown, path: string, depth: number): void => {
    if (typeof value === 'string') {
      if (!isStorable(value)) faults.push({ path, message: 'must not contain NUL or a lone surrogate' });
    } else if (typeof value === 'object' && value !== null) {
      if (depth === MAX_DEPTH)
        return void faults.push({ path, message: `must not be nested deeper than ${MAX_DEPTH}` });
      for (const [name, inner] of Object.entries(value)) {
        if (isStorable(name)) visit(inner, `${path}/${name}`, depth + 1);
        else faults.push({ path, message: 'has a name with NUL or a lone surrogate' });
      }
    }
  };
  visit(root, '', 0);
  return faults;
}

const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

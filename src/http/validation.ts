import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { isTimestamp } from '../domain/event.ts';
import { type FieldError, type HttpProblem, validationFailed } from './problem.ts';

const COMMON = {
  allErrors: true,
  verbose: true,
  allowUnionTypes: true,
  formats: { 'date-time': isTimestamp },
} as const;

/** Bodies are taken as they are: "1" is no number. */
const bodies = new Ajv(COMMON);

/** Of an event's body only the first fault is told: a hostile one of 16 MiB could have millions. */
const events = new Ajv({ ...COMMON, allErrors: false });

/** Everything in a query string is text, so it is read as what the schema asks for. */
const queries = new Ajv({ ...COMMON, coerceTypes: true, useDefaults: true });

/** Compiles a body's schema; the function checks and does not change. */
const compileBody = (schema: TSchema): ValidateFunction => bodies.compile(schema);

/** Compiles an event's schema; reports one fault. */
export const compileEvent = (schema: TSchema): ValidateFunction => events.compile(schema);

/** Fastify's validator compiler. Path parameters are left to the handlers: an id that cannot exist is simply not found. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart === 'body') return compileBody(schema);
  return httpPart === 'querystring' ? queries.compile(schema) : () => true;
};

/** Fastify's schema error formatter. */
export function schemaErrorFormatter(errors: readonly object[], httpPart: string): HttpProblem {
  const list = fieldErrors(errors as readonly ErrorObject[]);
  if (httpPart !== 'querystring') return validationFailed(list);
  return validationFailed(list.map(({ path, message }) => ({ path: `?${path.slice(1)}`, message })));
}

/** Ajv's findings in words for people. */
export const fieldErrors = (errors: readonly ErrorObject[] | null | undefined): FieldError[] =>
  (errors ?? []).map((error) => ({ path: pathOf(error), message: messageOf(error) }));

function pathOf({ instancePath, keyword, params }: ErrorObject): string {
  if (keyword === 'required') return `${instancePath}/${pointer(params.missingProperty)}`;
  if (keyword === 'additionalProperties') return `${instancePath}/${pointer(params.additionalProperty)}`;
  return instancePath;
}

/** RFC 6901 §3. */
const pointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function messageOf({ keyword, params, message, parentSchema }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not known here';
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`;
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}`;
    case 'pattern':
      return `must look like ${parentSchema?.examples?.[0]} (${params.pattern})`;
    case 'format':
      return 'must be an ISO 8601 time with an offset, such as 2026-01-31T12:00:00Z, of the years 1 to 9999 (UTC)';
    default:
      return message ?? 'is not valid';
  }
}

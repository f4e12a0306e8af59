import { compileFilter, type Filter } from '../domain/filter.ts';
import { validationFailed } from './problem.ts';

/** Compiles a filter of a request's body; throws what is wrong with it, and where. */
export function requireFilter(given: unknown): Filter {
  const compiled = compileFilter(given);
  if (compiled.ok) return compiled.filter;
  const errors = compiled.faults.map(({ path, message }) => ({ path: `/filter${path}`, message }));
  throw validationFailed(errors, 'invalid_filter');
}

/** Only paths of this site are followed after signing in; `//host` and `/\host` lead elsewhere. */
export const safeNext = (next: unknown): string => (typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/')

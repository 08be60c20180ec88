/** The one error every API call throws: problem+json (RFC 9457) with the server's stable code. */

export interface FieldProblem { field: string; code: string; detail: string }

export class ApiError extends Error {
  override readonly name = 'ApiError'
  constructor(
    /** Stable code of the server, or `network` when no answer came, or `unexpected` when it was not problem+json. */
    readonly code: string,
    /** HTTP status, 0 when no answer came. */
    readonly status: number,
    readonly detail: string,
    /** Seconds to wait before another attempt, when the server named them. */
    readonly retryAfter: number | null = null,
    readonly fields: readonly FieldProblem[] = [],
    /** The whole problem document: extra members such as `state` or `ask`. */
    readonly problem: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${code}: ${detail}`)
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const words = (value: unknown, otherwise: string): string => (typeof value === 'string' && value !== '' ? value : otherwise)

function fieldProblems(problem: Record<string, unknown>): FieldProblem[] {
  const listed = problem['fields']
  if (!Array.isArray(listed)) return []
  return listed.map((entry: unknown) => {
    const { at, kind, message } = record(entry)
    const path = Array.isArray(at) ? at.map(String) : []
    return { field: path.filter((step) => step !== 'body').join('.'), code: words(kind, 'invalid'), detail: words(message, '') }
  })
}

/** Retry-After as seconds; both forms of RFC 9110 §10.2.3. */
export function retryAfterSeconds(header: string | null, now: number): number | null {
  if (header === null) return null
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds))
  const until = Date.parse(header)
  return Number.isNaN(until) ? null : Math.max(0, Math.ceil((until - now) / 1000))
}

/** The ApiError that an answer outside 2xx stands for; `body` is what was parsed of it. */
export function problemOf(response: Response, body: unknown): ApiError {
  const problem = record(body)
  const retryAfter = retryAfterSeconds(response.headers.get('Retry-After'), Date.now())
  const code = words(problem['code'], response.status >= 500 ? 'server_failed' : 'unexpected')
  return new ApiError(code, response.status, words(problem['detail'] ?? problem['title'], response.statusText), retryAfter, fieldProblems(problem), problem)
}

/** Wraps whatever was thrown, so that pages know one type only. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError('network', 0, thrown instanceof Error ? thrown.message : String(thrown))
}

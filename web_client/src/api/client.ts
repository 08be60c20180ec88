/** One way to the server: JSON over same-origin fetch, every failure an ApiError. Resource modules beside this file give it names and types. */
import { ApiError, asApiError, problemOf } from './errors'

type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>
interface Options { query?: Query; body?: unknown; keepalive?: boolean; signal?: AbortSignal }

/** Called once for every answer 401 `not_signed_in`: the shell turns it into a visit to the sign-in page. */
let onSignedOut: () => void = () => undefined
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value as string | number | boolean]) search.append(name, String(one))
  }
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}

async function parsed(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    if (!response.ok) return undefined
    throw new ApiError('unexpected', response.status, `answer is not JSON: ${String(cause)}`)
  }
}

export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } }
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body)
    init.headers = { Accept: 'application/json', 'Content-Type': 'application/json' }
  }
  if (options.keepalive === true) init.keepalive = true
  if (options.signal) init.signal = options.signal
  let response: Response
  let body: unknown
  try {
    response = await fetch(address(path, options.query), init)
    body = await parsed(response)
  } catch (thrown) {
    throw asApiError(thrown)
  }
  if (!response.ok) {
    const problem = problemOf(response, body)
    if (problem.code === 'not_signed_in') onSignedOut()
    throw problem
  }
  return body as T
}

/** One way to the server: openapi-fetch over the generated schema, every failure an ApiError. Resource modules beside this file give the calls names. */
import createClient from 'openapi-fetch'
import { ApiError, asApiError, problemOf } from './errors'
import type { paths } from './generated/schema'

/** The global fetch is looked up at every call, so that tests can replace it. */
export const api = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin', fetch: (request) => fetch(request) })

/** Called for every answer 401 `not_signed_in`: the shell turns it into a visit to the sign-in page. */
let onSignedOut: () => void = () => undefined
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

interface Outcome<T> { data?: T; error?: unknown; response: Response }

/** The body of a successful answer; throws an ApiError for everything else. */
export async function answered<T>(pending: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>
  try {
    outcome = await pending
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new ApiError('unexpected', 0, `answer is not JSON: ${thrown.message}`)
    throw asApiError(thrown)
  }
  if (outcome.response.ok) return outcome.data as T
  const problem = problemOf(outcome.response, outcome.error)
  if (problem.code === 'not_signed_in') onSignedOut()
  throw problem
}

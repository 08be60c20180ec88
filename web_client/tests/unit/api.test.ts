import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createPinia, setActivePinia } from 'pinia'
import { readMyCoverage } from '@/api/records'
import { readMe, signIn } from '@/api/accounts'
import { whenSignedOut } from '@/api/client'
import { ApiError, retryAfterSeconds } from '@/api/errors'
import { i18n } from '@/i18n'
import { useAccount } from '@/stores/account'

const me = { person_id: 'p', display_name: '褚乙亥', person_no_masked: '•', locale: 'en', roles: [], home_branch: null, may: { administer_people: false, administer_organisations: false, create_gatherings: true }, password_is_one_time: false }

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { 'Content-Type': type, ...headers } })))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

async function failure(work: Promise<unknown>): Promise<ApiError> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof ApiError) return thrown
  }
  return expect.unreachable()
}

beforeEach(() => setActivePinia(createPinia()))

describe('failures of the API', () => {
  it('carry the stable code, the status and the time to wait', async () => {
    answer(429, { title: 'Too many', status: 429, code: 'too_many_attempts' }, { 'Retry-After': '30' })
    expect(await failure(signIn('A', 'b'))).toMatchObject({ code: 'too_many_attempts', status: 429, retryAfter: 30 })
  })

  it('name the fields that a validation refused', async () => {
    answer(422, { title: 'x', status: 422, code: 'validation_failed', fields: [{ at: ['body', 'person_no'], kind: 'missing', message: 'Field required' }] })
    expect((await failure(signIn('', ''))).fields).toEqual([{ field: 'person_no', code: 'missing', detail: 'Field required' }])
  })

  it('are one type also when no answer came or it was no problem document', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    expect(await failure(readMe())).toMatchObject({ name: 'ApiError', code: 'network', status: 0 })
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502 })))
    expect(await failure(readMe())).toMatchObject({ code: 'server_failed', status: 502 })
  })

  it('tell the shell when the login is over', async () => {
    const told = vi.fn()
    whenSignedOut(told)
    answer(401, { title: 'x', status: 401, code: 'not_signed_in' })
    await failure(readMe())
    expect(told).toHaveBeenCalledOnce()
  })

  it('read both forms of Retry-After', () => {
    expect(retryAfterSeconds('12', 0)).toBe(12)
    expect(retryAfterSeconds('Mon, 23 Nov 2026 11:00:10 GMT', Date.parse('2026-11-23T11:00:00Z'))).toBe(10)
    expect(retryAfterSeconds('soon', 0)).toBeNull()
  })
})

describe('requests', () => {
  it('repeat a parameter for every value', async () => {
    const fetched = answer(200, { items: [] })
    await readMyCoverage(['a', 'b'])
    const [asked] = fetched.mock.calls[0] ?? []
    expect(asked instanceof Request ? asked.url : String(asked)).toContain('/api/me/coverage?gathering=a&gathering=b')
  })
})

describe('the account', () => {
  it('brings its language and its rights', async () => {
    answer(200, me)
    const account = useAccount()
    await account.ensureKnown()
    expect(account.me?.display_name).toBe('褚乙亥')
    expect(account.administers).toBe(true)
    expect(i18n.global.locale.value).toBe('en')
  })

  it('knows that nobody is signed in, and asks only once', async () => {
    const fetched = answer(401, { title: 'x', status: 401, code: 'not_signed_in' })
    const account = useAccount()
    await account.ensureKnown()
    await account.ensureKnown()
    expect([account.known, account.me, fetched.mock.calls.length]).toEqual([true, null, 1])
  })

  it('leaves the question open when the server cannot be reached', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    const account = useAccount()
    await expect(account.ensureKnown()).rejects.toMatchObject({ code: 'network' })
    expect(account.known).toBe(false)
  })
})

import { call } from './client'
import type { Locale, Me } from './types'

export const signIn = (person_no: string, password: string) => call<Me>('POST', '/api/sign-in', { body: { person_no, password } })
export const signOut = () => call<undefined>('POST', '/api/sign-out')
export const readMe = () => call<Me>('GET', '/api/me')
export const writeLocale = (locale: Locale) => call<unknown>('PUT', '/api/me/locale', { body: { locale } })
export const writePassword = (old: string, fresh: string) => call<unknown>('PUT', '/api/me/password', { body: { old, new: fresh } })

import { answered, api } from './client'
import type { Locale } from './types'

export const signIn = (person_no: string, password: string) => answered(api.POST('/api/sign-in', { body: { person_no, password } }))
export const signOut = () => answered(api.POST('/api/sign-out'))
export const readMe = () => answered(api.GET('/api/me'))
export const writeLocale = (locale: Locale) => answered(api.PUT('/api/me/locale', { body: { locale } }))
export const writePassword = (old: string, fresh: string) => answered(api.PUT('/api/me/password', { body: { old, new: fresh } }))

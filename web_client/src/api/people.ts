import { answered, api } from './client'
import type { PersonChanges, PersonForm, RoleName } from './types'

const person = (person_id: string) => ({ path: { person_id } })

/** Empty filters are left out. */
export const listPeople = ({ q, branch, cursor }: { q?: string; branch?: string; cursor?: string | null }) =>
  answered(api.GET('/api/people', { params: { query: { q: q === '' ? null : (q ?? null), branch: branch === '' ? null : (branch ?? null), cursor: cursor ?? null } } }))
export const createPerson = (form: PersonForm) => answered(api.POST('/api/people', { body: form }))
export const changePerson = (id: string, changes: PersonChanges) => answered(api.PATCH('/api/people/{person_id}', { params: person(id), body: changes }))
/** `from` is a day in Asia/Shanghai, YYYY-MM-DD. */
export const assignHomeBranch = (id: string, organisation_id: string, from: string) =>
  answered(api.PUT('/api/people/{person_id}/home-branch', { params: person(id), body: { organisation_id, from } }))
export const grantRole = (id: string, role: RoleName, organisation_id: string) =>
  answered(api.POST('/api/people/{person_id}/roles', { params: person(id), body: { role, organisation_id } }))
export const revokeRole = (person_id: string, grant_id: string) => answered(api.DELETE('/api/people/{person_id}/roles/{grant_id}', { params: { path: { person_id, grant_id } } }))
export const resetPassword = (id: string) => answered(api.POST('/api/people/{person_id}/password-reset', { params: person(id) }))

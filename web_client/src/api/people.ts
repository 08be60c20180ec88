import { call } from './client'
import type { Listed, MembershipStage, Person, PersonCategory, RoleName } from './types'

export interface PersonForm { person_no: string; display_name: string; person_category: PersonCategory; membership_stage: MembershipStage; home_branch_id?: string; create_account: boolean }
export type PersonChanges = Partial<Pick<PersonForm, 'display_name' | 'person_category' | 'membership_stage'>>

export const listPeople = (filter: { q?: string; branch?: string; cursor?: string | null }) => call<Listed<Person>>('GET', '/api/people', { query: filter })
export const createPerson = (form: PersonForm) => call<{ person: Person; one_time_password: string | null }>('POST', '/api/people', { body: form })
export const changePerson = (id: string, changes: PersonChanges) => call<Person>('PATCH', `/api/people/${id}`, { body: changes })
/** `from` is a day in Asia/Shanghai, YYYY-MM-DD. */
export const assignHomeBranch = (id: string, organisation_id: string, from: string) => call<unknown>('PUT', `/api/people/${id}/home-branch`, { body: { organisation_id, from } })
export const grantRole = (id: string, role: RoleName, organisation_id: string, until?: string) =>
  call<unknown>('POST', `/api/people/${id}/roles`, { body: { role, organisation_id, ...(until === undefined ? {} : { until }) } })
export const revokeRole = (id: string, grantId: string) => call<unknown>('DELETE', `/api/people/${id}/roles/${grantId}`)
export const resetPassword = (id: string) => call<{ one_time_password: string }>('POST', `/api/people/${id}/password-reset`)

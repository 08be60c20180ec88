import { call } from './client'
import type { BranchKind, Column, Listed, Organisation, OrgType } from './types'

export interface OrganisationForm { code: string; name: string; org_type: OrgType; branch_kind: BranchKind | null; parent_id: string }

export const listOrganisations = () => call<Listed<Organisation>>('GET', '/api/organisations')
export const createOrganisation = (form: OrganisationForm) => call<Organisation>('POST', '/api/organisations', { body: form })
export const changeOrganisation = (id: string, changes: Partial<Omit<OrganisationForm, 'org_type'>>) => call<Organisation>('PATCH', `/api/organisations/${id}`, { body: changes })

export const listColumns = () => call<Listed<Column>>('GET', '/api/columns')
export const readColumn = (id: string) => call<Column>('GET', `/api/columns/${id}`)
export const createColumn = (form: { title: string; description: string }) => call<Column>('POST', '/api/columns', { body: form })
export const changeColumn = (id: string, form: { title: string; description: string }) => call<Column>('PATCH', `/api/columns/${id}`, { body: form })

import { answered, api } from './client'
import type { ColumnForm, OrganisationChanges, OrganisationForm } from './types'

export const listOrganisations = () => answered(api.GET('/api/organisations'))
export const createOrganisation = (form: OrganisationForm) => answered(api.POST('/api/organisations', { body: form }))
export const changeOrganisation = (organisation_id: string, changes: OrganisationChanges) => answered(api.PATCH('/api/organisations/{organisation_id}', { params: { path: { organisation_id } }, body: changes }))

export const listColumns = () => answered(api.GET('/api/columns'))
export const readColumn = (column_id: string) => answered(api.GET('/api/columns/{column_id}', { params: { path: { column_id } } }))
export const createColumn = (form: ColumnForm) => answered(api.POST('/api/columns', { body: form }))
export const changeColumn = (column_id: string, form: ColumnForm) => answered(api.PATCH('/api/columns/{column_id}', { params: { path: { column_id } }, body: form }))

import { call } from './client'
import type { Card, Detail, GatheringForm, HomeView, Listed, MediaGrant, StudioReport } from './types'

export const readHome = () => call<HomeView>('GET', '/api/gatherings', { query: { view: 'home' } })
export const listManaged = (cursor: string | null = null) => call<Listed<Card>>('GET', '/api/gatherings', { query: { view: 'manage', cursor } })
export const readGathering = (id: string) => call<Detail>('GET', `/api/gatherings/${id}`)
export const readGatheringByCode = (code: string) => call<Card>('GET', `/api/gatherings/by-code/${encodeURIComponent(code)}`)
export const createGathering = (form: GatheringForm) => call<Detail>('POST', '/api/gatherings', { body: form })
export const changeGathering = (id: string, changes: Partial<Omit<GatheringForm, 'organisation_id'>>) => call<Detail>('PATCH', `/api/gatherings/${id}`, { body: changes })
export const scheduleGathering = (id: string) => call<Detail>('POST', `/api/gatherings/${id}/schedule`)

/** What a host may do that changes the state; a state that does not allow it answers 409 `state_conflict`. */
export type HostAction = 'start' | 'break' | 'continue' | 'end' | 'resume' | 'not-held'
export const act = (id: string, action: HostAction) => call<Detail>('POST', `/api/gatherings/${id}/${action}`)
export const cancelGathering = (id: string, reason: string) => call<Detail>('POST', `/api/gatherings/${id}/cancel`, { body: { reason } })
export const correctEnd = (id: string, effective_end: string, reason: string) => call<Detail>('POST', `/api/gatherings/${id}/correct-end`, { body: { effective_end, reason } })

export const requestMediaGrant = (id: string, purpose: 'watch' | 'publish', source?: 'camera' | 'screen') =>
  call<MediaGrant>('POST', `/api/gatherings/${id}/media-grant`, { body: { purpose, ...(source === undefined ? {} : { source }) } })
export const readStudio = (id: string) => call<StudioReport>('GET', `/api/gatherings/${id}/studio`)

export const calendarAddress = (id: string) => `/api/gatherings/${id}/calendar.ics`
export const posterAddress = (id: string) => `/api/gatherings/${id}/poster`

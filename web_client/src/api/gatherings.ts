import { answered, api } from './client'
import { ApiError } from './errors'
import type { Detail, GatheringChanges, GatheringForm, MediaGrant } from './types'

const gathering = (gathering_id: string) => ({ path: { gathering_id } })

/** One address answers two shapes; which one follows from `view`. */
export async function readHome() {
  const view = await answered(api.GET('/api/gatherings', { params: { query: { view: 'home' } } }))
  if ('items' in view) throw new ApiError('unexpected', 200, 'a list came instead of the home view')
  return view
}
export async function listManaged(cursor: string | null = null) {
  const page = await answered(api.GET('/api/gatherings', { params: { query: { view: 'manage', cursor } } }))
  if (!('items' in page)) throw new ApiError('unexpected', 200, 'the home view came instead of a list')
  return page
}
export const readGathering = (id: string) => answered(api.GET('/api/gatherings/{gathering_id}', { params: gathering(id) }))
export const readGatheringByCode = (code: string) => answered(api.GET('/api/gatherings/by-code/{code}', { params: { path: { code } } }))
export const createGathering = (form: GatheringForm) => answered(api.POST('/api/gatherings', { body: form }))
export const changeGathering = (id: string, changes: GatheringChanges) => answered(api.PATCH('/api/gatherings/{gathering_id}', { params: gathering(id), body: changes }))
export const scheduleGathering = (id: string) => answered(api.POST('/api/gatherings/{gathering_id}/schedule', { params: gathering(id) }))

/** What a host may do that changes the state; a state that does not allow it answers 409 `state_conflict`. */
export type HostAction = 'start' | 'break' | 'continue' | 'end' | 'resume' | 'not-held'
export const act = (id: string, action: HostAction): Promise<Detail> => answered(api.POST(`/api/gatherings/{gathering_id}/${action}`, { params: gathering(id) }))
export const cancelGathering = (id: string, reason: string) => answered(api.POST('/api/gatherings/{gathering_id}/cancel', { params: gathering(id), body: { reason } }))
export const correctEnd = (id: string, effective_end: string, reason: string) => answered(api.POST('/api/gatherings/{gathering_id}/correct-end', { params: gathering(id), body: { effective_end, reason } }))

export async function requestMediaGrant(id: string, purpose: 'watch' | 'publish', source: 'camera' | 'screen', signal: AbortSignal): Promise<MediaGrant> {
  const grant = await answered(api.POST('/api/gatherings/{gathering_id}/media-grant', { params: gathering(id), body: { purpose, source }, signal }))
  // RTCIceServer knows absent members, not null ones.
  const ice_servers = grant.ice_servers.map(({ urls, username, credential }) => ({ urls, ...(username == null ? {} : { username }), ...(credential == null ? {} : { credential }) }))
  return { ...grant, ice_servers }
}
export const requestStreamKey = (id: string) => answered(api.POST('/api/gatherings/{gathering_id}/stream-key', { params: gathering(id) }))
/** Every older key of the gathering is worthless from now on. */
export const renewStreamKey = (id: string) => answered(api.POST('/api/gatherings/{gathering_id}/stream-key/renew', { params: gathering(id) }))
export const readStudio = (id: string) => answered(api.GET('/api/gatherings/{gathering_id}/studio', { params: gathering(id) }))

export const calendarAddress = (id: string) => `/api/gatherings/${id}/calendar.ics`
export const posterAddress = (id: string) => `/api/gatherings/${id}/poster`

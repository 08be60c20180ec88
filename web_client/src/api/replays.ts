import { answered, api } from './client'
import type { ReplayProgress } from './types'

const gathering = (gathering_id: string) => ({ path: { gathering_id } })

export const requestReplayGrant = (id: string) => answered(api.POST('/api/gatherings/{gathering_id}/replay-grant', { params: gathering(id) }))
/** `keepalive` lets the last report leave while the page is being hidden. */
export const reportReplayProgress = (id: string, progress: ReplayProgress, keepalive = false) =>
  answered(api.POST('/api/gatherings/{gathering_id}/replay-progress', { params: gathering(id), body: progress, keepalive }))
export const publishReplay = (id: string) => answered(api.POST('/api/gatherings/{gathering_id}/publish-replay', { params: gathering(id) }))
export const withdrawReplay = (id: string, reason: string) => answered(api.POST('/api/gatherings/{gathering_id}/withdraw-replay', { params: gathering(id), body: { reason } }))

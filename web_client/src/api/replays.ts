import { call } from './client'
import type { Coverage, Detail, ReplayGrant, ReplayProgress } from './types'

export const requestReplayGrant = (id: string) => call<ReplayGrant>('POST', `/api/gatherings/${id}/replay-grant`)
/** `keepalive` lets the last report leave while the page is being hidden. */
export const reportReplayProgress = (id: string, progress: ReplayProgress, keepalive = false) =>
  call<{ accepted: [number, number][]; coverage: Coverage }>('POST', `/api/gatherings/${id}/replay-progress`, { body: progress, keepalive })
export const publishReplay = (id: string) => call<Detail>('POST', `/api/gatherings/${id}/publish-replay`)
export const withdrawReplay = (id: string, reason: string) => call<Detail>('POST', `/api/gatherings/${id}/withdraw-replay`, { body: { reason } })

import { call } from './client'
import type { Evidence, Listed, MyCoverage, Reason, Roll, YearRecord } from './types'

export const readMyCoverage = (gathering: readonly string[]) => call<Listed<MyCoverage>>('GET', '/api/me/coverage', { query: { gathering } })
export const readMyRecord = (year: number) => call<YearRecord>('GET', '/api/me/record', { query: { year } })
export const readRoll = (id: string) => call<Roll>('GET', `/api/gatherings/${id}/roll`)
export const readRollEvidence = (id: string, personId: string) => call<{ why: Reason[]; evidence: Evidence[] }>('GET', `/api/gatherings/${id}/roll/${personId}`)
export const rollCsvAddress = (id: string) => `/api/gatherings/${id}/roll.csv`
export const declareSelfStudy = (id: string) => call<unknown>('POST', `/api/gatherings/${id}/declare-self-study`)

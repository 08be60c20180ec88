import { answered, api } from './client'

export const readMyCoverage = (gathering: readonly string[]) => answered(api.GET('/api/me/coverage', { params: { query: { gathering: [...gathering] } } }))
export const readMyRecord = (year: number) => answered(api.GET('/api/me/record', { params: { query: { year } } }))
export const readRoll = (gathering_id: string) => answered(api.GET('/api/gatherings/{gathering_id}/roll', { params: { path: { gathering_id } } }))
export const readRollEvidence = (gathering_id: string, person_id: string) => answered(api.GET('/api/gatherings/{gathering_id}/roll/{person_id}', { params: { path: { gathering_id, person_id } } }))
export const rollCsvAddress = (id: string) => `/api/gatherings/${id}/roll.csv`
export const myEvidenceAddress = '/api/me/evidence.jsonl'
export const declareSelfStudy = (gathering_id: string) => answered(api.POST('/api/gatherings/{gathering_id}/declare-self-study', { params: { path: { gathering_id } } }))

/** The form of a gathering as its inputs hold it, and its way to and from the API. Times are Shanghai wall times. */
import type { Detail, GatheringForm, GatheringKind, GatheringState, MayWatch, Ref, ReplayRelease } from '@/api/types'
import { fromLocalInput, toLocalInput } from '@/formatting/dates'

export interface GatheringDraft {
  title: string
  description: string
  kind: string
  organisation_id: string
  column_id: string
  lecturer: Ref | null
  start: string
  end: string
  credit: string
  organisation_ids: string[]
  people: Ref[]
  /** Expected people chosen earlier, of whom the API tells ids only. */
  earlier_person_ids: string[]
  may_watch: string
  replay_release: string
}

/** Tomorrow at 19:00 for an hour: the usual evening slot. */
export function blankDraft(now: Date, organisationId: string): GatheringDraft {
  const day = toLocalInput(new Date(now.getTime() + 86_400_000).toISOString()).slice(0, 10)
  return {
    title: '', description: '', kind: 'party_lecture', organisation_id: organisationId, column_id: '', lecturer: null, start: `${day}T19:00`, end: `${day}T20:00`,
    credit: '', organisation_ids: organisationId === '' ? [] : [organisationId], people: [], earlier_person_ids: [], may_watch: 'college', replay_release: 'at_end',
  }
}

export function draftOf(detail: Detail): GatheringDraft {
  return {
    title: detail.title, description: detail.description, kind: detail.kind, organisation_id: detail.organisation.id, column_id: detail.column?.id ?? '', lecturer: detail.lecturer,
    start: toLocalInput(detail.scheduled_start), end: toLocalInput(detail.scheduled_end), credit: detail.credit_hundredths > 0 ? String(detail.credit_hundredths / 100) : '',
    organisation_ids: detail.convened_entries?.organisation_ids ?? [], people: [], earlier_person_ids: detail.convened_entries?.person_ids ?? [], may_watch: detail.may_watch, replay_release: detail.replay_release,
  }
}

/** Hundredths of an hour from what was typed; null when it is no number. */
export function creditHundredths(typed: string): number | null {
  if (!/^\d{1,2}([.,]\d{1,2})?$/.test(typed.trim())) return null
  return Math.round(Number(typed.trim().replace(',', '.')) * 100)
}

export type DraftProblem = 'title' | 'start' | 'end' | 'credit' | 'convened'

/** What can be said without asking the server; i18n keys under errors.field by field. */
export function draftProblems(draft: GatheringDraft): Partial<Record<DraftProblem, 'missing' | 'ends_before_start' | 'invalid'>> {
  const problems: Partial<Record<DraftProblem, 'missing' | 'ends_before_start' | 'invalid'>> = {}
  const [start, end] = [fromLocalInput(draft.start), fromLocalInput(draft.end)]
  if (draft.title.trim() === '') problems.title = 'missing'
  if (start === null) problems.start = 'missing'
  if (end === null) problems.end = 'missing'
  else if (start !== null && end <= start) problems.end = 'ends_before_start'
  if (draft.credit.trim() !== '' && creditHundredths(draft.credit) === null) problems.credit = 'invalid'
  if (draft.organisation_ids.length + draft.people.length + draft.earlier_person_ids.length === 0) problems.convened = 'missing'
  return problems
}

export function formOf(draft: GatheringDraft): GatheringForm {
  const credit = creditHundredths(draft.credit)
  return {
    title: draft.title.trim(), description: draft.description.trim(), kind: draft.kind as GatheringKind, organisation_id: draft.organisation_id,
    column_id: draft.column_id === '' ? null : draft.column_id, lecturer_id: draft.lecturer?.id ?? null,
    scheduled_start: fromLocalInput(draft.start) ?? '', scheduled_end: fromLocalInput(draft.end) ?? '',
    ...(credit === null ? {} : { credit_hundredths: credit }),
    convened: { organisation_ids: draft.organisation_ids, person_ids: [...new Set([...draft.earlier_person_ids, ...draft.people.map((one) => one.id)])] },
    may_watch: draft.may_watch as MayWatch, replay_release: draft.replay_release as ReplayRelease,
  }
}

/** Before its start everything but the organiser may change; afterwards the words, the column and the release. */
export function changesOf(draft: GatheringDraft, state: GatheringState): Partial<Omit<GatheringForm, 'organisation_id'>> {
  const { organisation_id, ...all } = formOf(draft)
  if (state === 'draft' || state === 'scheduled') return all
  return { title: all.title, description: draft.description.trim(), column_id: all.column_id ?? null, replay_release: draft.replay_release as ReplayRelease }
}

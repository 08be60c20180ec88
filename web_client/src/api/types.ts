/** The shapes of docs/protocol/http_api.md as pages use them. */

export type Locale = 'zh-CN' | 'en'
export interface Ref { id: string; name: string }
export interface Listed<T> { items: T[]; next_cursor?: string | null }

export type RoleName = 'college_admin' | 'secretary' | 'lecturer' | 'member' | 'guest' | 'system_admin'
/** `organisation` is null for roles of the whole installation. */
export interface RoleGrant { grant_id: string; role: RoleName; organisation: Ref | null }

export interface Me {
  person_id: string
  display_name: string
  person_no_masked: string
  locale: Locale
  roles: RoleGrant[]
  home_branch: Ref | null
  may: { administer_people: boolean; administer_organisations: boolean; create_gatherings: boolean }
  password_is_one_time: boolean
}

export const personCategories = ['undergraduate', 'master_student', 'doctoral_student', 'faculty_staff', 'retiree', 'alumnus', 'external'] as const
export type PersonCategory = (typeof personCategories)[number]
export const membershipStages = ['masses', 'applicant', 'activist', 'development_target', 'probationary_member', 'full_member'] as const
export type MembershipStage = (typeof membershipStages)[number]
export const assignableRoles = ['college_admin', 'secretary', 'lecturer', 'member', 'guest'] as const satisfies readonly RoleName[]

export interface Person {
  id: string
  display_name: string
  person_no_masked: string
  person_category: PersonCategory
  membership_stage: MembershipStage
  home_branch: Ref | null
  roles: RoleGrant[]
  has_account: boolean
}

export const orgTypes = ['college_committee', 'general_branch', 'branch', 'joint_branch', 'temporary_branch', 'external_organization'] as const
export type OrgType = (typeof orgTypes)[number]
export const branchKinds = ['student', 'faculty', 'mixed', 'retired', 'alumni'] as const
export type BranchKind = (typeof branchKinds)[number]

export interface Organisation {
  id: string
  code: string
  name: string
  org_type: OrgType
  branch_kind: BranchKind | null
  parent_id: string | null
  member_count: number
}

export interface Column { id: string; title: string; description: string; gathering_count: number }

export const gatheringKinds = [
  'party_lecture', 'micro_lesson', 'live_stream', 'theme_party_day', 'collective_study', 'training_class', 'cloud_dialogue',
  'cloud_observation', 'member_activity', 'member_assembly', 'committee_meeting', 'group_meeting',
  'organizational_life_meeting', 'democratic_life_meeting', 'democratic_review',
] as const
export type GatheringKind = (typeof gatheringKinds)[number]

export type GatheringState = 'draft' | 'scheduled' | 'live' | 'interrupted' | 'on_break' | 'ended' | 'archived' | 'cancelled' | 'not_held'
export const pageStates = [
  'draft', 'scheduled', 'waiting', 'live', 'interrupted', 'on_break', 'ended_processing', 'ended', 'replay',
  'replay_pending_review', 'replay_withdrawn', 'not_recorded', 'cancelled', 'not_held', 'not_authorised',
] as const
export type PageState = (typeof pageStates)[number]

export interface Card {
  id: string
  code: string
  title: string
  kind: GatheringKind
  state: GatheringState
  page_state: PageState
  organisation: Ref
  lecturer: Ref | null
  column: Ref | null
  scheduled_start: string
  scheduled_end: string
  actual_start: string | null
  actual_end: string | null
  viewer_count: number | null
  duration_ms: number | null
  records: boolean
  convened: boolean
  credit_hundredths: number
  has_poster: boolean
}

export interface HomeView { live: Card[]; upcoming: Card[]; replays: { column: Ref | null; items: Card[] }[] }

export type MayWatch = 'participants' | 'branch' | 'college'
export type ReplayRelease = 'at_end' | 'after_review'
export type RecordingState = 'off' | 'recording' | 'paused' | 'ready' | 'published' | 'withdrawn' | 'failed'

export interface Detail extends Card {
  description: string
  may_watch: MayWatch
  replay_release: ReplayRelease
  permissions: { watch: boolean; publish: boolean; host: boolean; hold_roll: boolean; edit: boolean }
  recording: { state: RecordingState; reason_off: string | null }
  programme: { ms: number; running: boolean; as_of: string }
  rules: { threshold_percent: number; makeup_percent: number; makeup_days: number }
  host: Ref | null
  calendar_url: string
  state_reason: string | null
  /** Who is expected, for those who may edit. */
  convened_entries: { organisation_ids: string[]; person_ids: string[] } | null
}

export interface GatheringForm {
  title: string
  kind: GatheringKind
  organisation_id: string
  column_id?: string | null
  lecturer_id?: string | null
  description?: string
  scheduled_start: string
  scheduled_end: string
  credit_hundredths?: number
  convened: { organisation_ids: string[]; person_ids: string[] }
  may_watch: MayWatch
  replay_release?: ReplayRelease
}

export interface MediaGrant { token: string; url: string; expires_at: string; media_epoch: string | null; ice_servers: RTCIceServer[] }

export interface StudioReport {
  viewers: number
  peak_viewers: number
  uplink: { bitrate_bps: number; loss: number; rtt_ms: number | null; state: string } | null
  recorder: { state: string; last_part_age_ms: number | null; disk_free_ratio: number | null; warnings: string[] } | null
  publications: unknown[]
}

export interface ReplayGrant {
  playlist_url: string
  poster_url: string | null
  expires_at: string
  duration_ms: number
  live: boolean
  map: { programme_start_ms: number; programme_end_ms: number; file_start_ms: number }[]
  resume_position_ms: number
  watch_id: string
}

export interface ReplayProgress { watch_id: string; seq: number; position_ms: number; rate: number; segments: [number, number][] }

export type SpanKind = 'live' | 'replay' | 'bridged'
export interface CoverageSpan { kind: SpanKind; start_ms: number; end_ms: number }
export interface Coverage {
  length_ms: number
  spans: CoverageSpan[]
  live_ms: number
  replay_ms: number
  bridged_ms: number
  covered_ms: number
  share_percent_hundredths: number
}

export type AttendanceStatus = 'pending' | 'present' | 'late' | 'left_early' | 'on_leave' | 'absent' | 'exempt' | 'observer'
export type MakeupStatus = 'none' | 'made_up'
export type CreditCategory = 'collective' | 'self_study'
export interface Credit { hundredths: number; category: CreditCategory; status: 'pending' | 'confirmed' | 'reversed' }

export interface MyCoverage {
  gathering_id: string
  coverage: Coverage
  attendance_status: AttendanceStatus | null
  makeup_status: MakeupStatus | null
  credit: Credit | null
}

export interface Reason { code: string; params: Record<string, string | number> }
export interface Evidence {
  kind: SpanKind
  from: string | null
  to: string | null
  programme_start_ms: number | null
  programme_end_ms: number | null
  detail: string | null
}
export interface Policy { version: number | string; text: string }

export interface RecordItem {
  gathering: Card
  coverage: Coverage | null
  attendance_status: AttendanceStatus | null
  makeup_status: MakeupStatus | null
  proposal: boolean
  why: Reason[]
  credit: Credit | null
  evidence: Evidence[]
  policy: Policy | null
}

export interface YearRecord {
  year: number
  target_hundredths: number
  collective_hundredths: number
  self_study_hundredths: number
  items: RecordItem[]
}

export interface RollRow {
  person: Ref
  branch: Ref | null
  expected_as: string
  attendance_status: AttendanceStatus
  makeup_status: MakeupStatus
  proposal: boolean
  first_seen: string | null
  last_seen: string | null
  live_ms: number
  covered_percent_hundredths: number
  coverage: Coverage
  credit: Credit | null
}
export interface Roll { gathering: Card; counts: Record<string, number>; rows: RollRow[] }

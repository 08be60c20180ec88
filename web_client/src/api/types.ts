/** Names for the shapes of the API. The shapes themselves are generated from its OpenAPI document; only the orders of choices are ours. */
import type { components } from './generated/schema'

type Schemas = components['schemas']

export type Locale = Schemas['Me']['locale']
export type Ref = Schemas['Ref']
export type Me = Schemas['Me']
export type RoleName = Schemas['Role']
export type RoleGrant = Schemas['RoleOut']

export type Person = Schemas['PersonOut']
export type PersonForm = Schemas['PersonIn']
export type PersonChanges = Schemas['PersonPatch']
export type PersonCategory = Schemas['PersonCategory']
export type MembershipStage = Schemas['MembershipStage']

export type Organisation = Schemas['OrganisationOut']
export type OrganisationForm = Schemas['OrganisationIn']
export type OrganisationChanges = Schemas['OrganisationPatch']
export type OrgType = Schemas['OrgType']
export type BranchKind = Schemas['BranchKind']

export type Column = Schemas['ColumnOut']
export type ColumnForm = Schemas['ColumnIn']

export type Card = Schemas['Card']
export type Detail = Schemas['Detail']
export type HomeView = Schemas['HomeLists']
export type GatheringKind = Schemas['GatheringKind']
export type GatheringState = Schemas['GatheringState']
export type PageState = Schemas['PageState']
export type MayWatch = Schemas['MayWatch']
export type ReplayRelease = Schemas['ReplayRelease']
export type GatheringForm = Schemas['GatheringIn']
export type GatheringChanges = Schemas['GatheringPatch']
export type MediaGrant = Omit<Schemas['MediaGrant'], 'ice_servers'> & { ice_servers: RTCIceServer[] }
export type StudioReport = Schemas['Studio']
export type StreamKey = Schemas['StreamKey']

export type ReplayGrant = Schemas['ReplayGrantOut']
export type ReplayProgress = Schemas['ReplayProgressIn']
export type ReplayAccepted = Schemas['ReplayProgressOut']

export type Coverage = Schemas['CoverageOut']
export type CoverageSpan = Schemas['SpanOut']
export type SpanKind = CoverageSpan['kind']
export type AttendanceStatus = Schemas['AttendanceStatus']
export type MakeupStatus = Schemas['MakeupStatus']
export type Credit = Schemas['CreditOut']
export type MyCoverage = Schemas['MyCoverageOut']
export type Reason = Schemas['WhyOut']
export type Evidence = Schemas['EvidenceOut']
export type Policy = Schemas['PolicyOut']
export type RecordItem = Schemas['RecordItemOut']
export type YearRecord = Schemas['YearRecordOut']
export type Roll = Schemas['RollOut']
export type RollRow = Schemas['RollRowOut']
export type RollEvidence = Schemas['RollEvidenceOut']

/** The keys of `order` in their order: the compiler sees to it that no choice of the API is missing. */
const choices = <T extends string>(order: Record<T, true>): readonly T[] => Object.keys(order) as T[]

export const personCategories = choices<PersonCategory>({ undergraduate: true, master_student: true, doctoral_student: true, faculty_staff: true, retiree: true, alumnus: true, external: true })
export const membershipStages = choices<MembershipStage>({ full_member: true, probationary_member: true, development_target: true, activist: true, applicant: true, masses: true })
export const orgTypes = choices<OrgType>({ branch: true, joint_branch: true, temporary_branch: true, general_branch: true, college_committee: true, external_organization: true })
export const branchKinds = choices<BranchKind>({ student: true, faculty: true, mixed: true, retired: true, alumni: true })
export const gatheringKinds = choices<GatheringKind>({
  party_lecture: true, micro_lesson: true, live_stream: true, theme_party_day: true, collective_study: true, training_class: true, cloud_dialogue: true, cloud_observation: true,
  member_activity: true, member_assembly: true, committee_meeting: true, group_meeting: true, organizational_life_meeting: true, democratic_life_meeting: true, democratic_review: true,
})
export const pageStates = choices<PageState>({
  draft: true, scheduled: true, waiting: true, live: true, interrupted: true, on_break: true, ended_processing: true, ended: true, replay: true,
  replay_pending_review: true, replay_withdrawn: true, not_recorded: true, cancelled: true, not_held: true, not_authorised: true,
})
/** What an administrator grants here; the other roles follow from elsewhere. */
export const assignableRoles = ['lecturer', 'secretary', 'college_admin', 'member', 'guest'] as const satisfies readonly RoleName[]

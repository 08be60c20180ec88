/** Programme clock ↔ file time by the pieces of a recording map (joints §7). Pure; all times in ms, ranges half-open. */
import type { ReplayGrant } from '@/api/types'

export type MapPiece = ReplayGrant['map'][number]

/** Where a programme instant lies in the file. One that was not recorded gives the next recorded instant, or null behind the last. */
export function toFile(pieces: readonly MapPiece[], programmeMs: number): number | null {
  const ordered = [...pieces].sort((a, b) => a.programme_start_ms - b.programme_start_ms)
  const piece = ordered.find(({ programme_end_ms }) => programmeMs < programme_end_ms)
  return piece === undefined ? null : piece.file_start_ms + Math.max(0, programmeMs - piece.programme_start_ms)
}

/** Which programme instant a place in the file shows. In file time without programme (a break) it stands at the last one before. */
export function toProgramme(pieces: readonly MapPiece[], fileMs: number): number | null {
  const before = [...pieces].sort((a, b) => a.file_start_ms - b.file_start_ms).filter(({ file_start_ms }) => file_start_ms <= fileMs)
  const piece = before.at(-1)
  return piece === undefined ? null : Math.min(piece.programme_end_ms, piece.programme_start_ms + fileMs - piece.file_start_ms)
}

/** A typographic cover from a title: where its lines break, the large glyph behind them, and one of six paper tones. */

export interface Cover { lines: string[]; glyph: string; initials: string; tone: number }

export const coverTones = 6
const widest = 9

/** Han characters count one, Latin letters about half. */
const widthOf = (text: string) => Array.from(text).reduce((sum, letter) => sum + (letter.charCodeAt(0) > 0x2e7f ? 1 : 0.55), 0)

/** Breaks at punctuation first, then a long Chinese run into even halves, Latin text between words. */
function linesOf(title: string): string[] {
  const clauses = title.split(/(?<=[:：,，、。!！?？—])\s*/u).map((clause) => clause.trim()).filter(Boolean)
  return clauses.flatMap((clause) => {
    if (widthOf(clause) <= widest) return [clause]
    const units = /\s/.test(clause) ? clause.split(/\s+/) : Array.from(clause)
    const joint = /\s/.test(clause) ? ' ' : ''
    const rows = Math.ceil(widthOf(clause) / widest)
    const perRow = widthOf(clause) / rows
    const lines: string[] = ['']
    for (const unit of units) {
      const current = lines.at(-1) ?? ''
      if (current !== '' && lines.length < rows && widthOf(current) + widthOf(unit) / 2 > perRow) lines.push(unit)
      else lines[lines.length - 1] = current === '' ? unit : current + joint + unit
    }
    return lines
  })
}

/** The same title always gets the same cover. */
export function coverOf(title: string): Cover {
  const letters = Array.from(title.replace(/[\s\p{P}\p{S}]/gu, ''))
  // FNV-1a over the code points, folded: neighbours on a shelf should rarely look alike.
  const hash = letters.reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0, 0x811c9dc5)
  const seed = hash ^ (hash >>> 15)
  return { lines: linesOf(title).slice(0, 4), glyph: letters.at(-1) ?? '', initials: letters.slice(0, 2).join(''), tone: (seed >>> 0) % coverTones }
}

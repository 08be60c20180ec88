/**
 * The player's keyboard (Space/K, arrows, J/L, M, F, < >, 0–9). Never while typing; arrows and Space only where no
 * control wants them; all of it can be switched off (WCAG 2.1.4).
 */
import { onScopeDispose, ref } from 'vue'

export interface PlayerKeys {
  toggle: () => void
  toggleMute: () => void
  toggleFullscreen: () => void
  /** Volume by a step of -1..1. */
  louder: (by: number) => void
  /** Only where one can move in time. */
  seekBy?: (ms: number) => void
  seekToShare?: (share: number) => void
  faster?: (steps: 1 | -1) => void
}

const remembered = 'zhijian.player_keys'
const enabled = ref(localStorage.getItem(remembered) !== 'off')
export const usePlayerKeysSwitch = () => ({
  enabled,
  setEnabled: (on: boolean) => {
    enabled.value = on
    localStorage.setItem(remembered, on ? 'on' : 'off')
  },
})

/** What a key does; undefined: nothing here. Exported for tests. */
export function actionOf(key: string, keys: PlayerKeys): (() => void) | undefined {
  const { seekBy, seekToShare, faster } = keys
  const step = (ms: number) => seekBy && (() => seekBy(ms))
  switch (key) {
    case ' ': case 'k': return keys.toggle
    case 'm': return keys.toggleMute
    case 'f': return keys.toggleFullscreen
    case 'arrowup': return () => keys.louder(0.1)
    case 'arrowdown': return () => keys.louder(-0.1)
    case 'arrowleft': return step(-5000)
    case 'arrowright': return step(5000)
    case 'j': return step(-10_000)
    case 'l': return step(10_000)
    case '<': return faster && (() => faster(-1))
    case '>': return faster && (() => faster(1))
    default: return /^\d$/.test(key) && seekToShare ? () => seekToShare(Number(key) / 10) : undefined
  }
}

const typing = 'input:not([type=range]), textarea, select, [contenteditable=""], [contenteditable="true"]'
const wantsArrows = '[role=tab], [role=slider], [role=menu], [role=menuitem], [role=log], input[type=range], [role=dialog]'
const wantsSpace = 'button, a, summary, [role=button], [role=tab], [role=menuitem], [role=dialog]'

export function usePlayerKeys(keys: PlayerKeys): void {
  const handle = (event: KeyboardEvent) => {
    if (!enabled.value || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    const at = event.target instanceof Element ? event.target : document.body
    const key = event.key.toLowerCase()
    if (at.closest(typing) || (key.startsWith('arrow') && at.closest(wantsArrows)) || (key === ' ' && at.closest(wantsSpace))) return
    const action = actionOf(key, keys)
    if (action === undefined) return
    event.preventDefault()
    action()
  }
  document.addEventListener('keydown', handle)
  onScopeDispose(() => document.removeEventListener('keydown', handle))
}

/** The words of a check: by its name and code, else those that fit any check; its measurements in one line. */
import { useI18n } from 'vue-i18n'
import type { Check, CheckName } from './checks'

const measuredBy: Partial<Record<CheckName, string>> = {
  server: 'ms', channel: 'ms', udp: 'path', tcp: 'path', relay: 'path', quality: 'quality', codecs: 'codecs', picture: 'picture', camera: 'devices', microphone: 'devices',
}

export function useWords() {
  const { t, te } = useI18n()
  const known = (key: string) => te(key) || te(key, 'zh-CN')

  function said(name: CheckName, { code, state }: Check, part: 'text' | 'action'): string {
    const own = `diagnose.check.${name}.${code}.${part}`
    if (known(own)) return t(own)
    const any = `diagnose.generic.${state === 'checking' ? 'checking' : code}.${part}`
    return known(any) ? t(any) : ''
  }
  return {
    titleOf: (name: CheckName) => t(`diagnose.check.${name}.title`),
    /** What is not there and not missed is called just that. */
    stateOf: ({ state, code }: Check) => t(state === 'note' && (code === 'absent' || code === 'skipped') ? `diagnose.left.${code}` : `diagnose.state.${state}`),
    meaningOf: (name: CheckName, found: Check) => said(name, found, 'text'),
    actionOf: (name: CheckName, found: Check) => (found.state === 'note' || found.state === 'problem' ? said(name, found, 'action') : ''),
    measuredOf(name: CheckName, { facts }: Check): string {
      const kind = measuredBy[name]
      return kind === undefined || Object.keys(facts).length === 0 ? '' : t(`diagnose.measured.${kind}`, facts)
    },
  }
}

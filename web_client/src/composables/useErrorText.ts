/** Words for an ApiError: by its stable code, else by its status. */
import { useI18n } from 'vue-i18n'
import { type ApiError } from '@/api/errors'

export function useErrorText(): (error: ApiError) => string {
  const { t, te } = useI18n()
  return (error) => {
    const named = `errors.${error.code}`
    const params = { seconds: error.retryAfter ?? 0 }
    if (te(named) || te(named, 'zh-CN')) return t(named, params)
    if (error.status === 401) return t('errors.not_signed_in')
    if (error.status === 403) return t('errors.not_authorised')
    if (error.status === 404) return t('errors.not_found')
    if (error.status >= 500) return t('errors.server_failed')
    return t('errors.unexpected')
  }
}

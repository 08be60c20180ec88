import { computed } from 'vue'
import { useAccount } from '@/stores/account'

/** The parts of the administration, as far as the reader's rights reach. */
export function useAdministrationTabs() {
  const account = useAccount()
  return computed(() => {
    const may = account.me?.may
    return [
      { name: 'manage-gatherings', label: 'administration.gatherings.title', open: may?.create_gatherings },
      { name: 'people', label: 'administration.people.title', open: may?.administer_people },
      { name: 'organisations', label: 'administration.organisations.title', open: may?.administer_organisations },
      { name: 'manage-columns', label: 'administration.columns.title', open: may?.administer_organisations },
    ].filter((tab) => tab.open === true)
  })
}

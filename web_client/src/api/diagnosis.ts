import { answered, api } from './client'

/** A throw-away room to try out the media path with; nobody need be signed in. */
export const beginTrial = () => answered(api.POST('/api/diagnosis/trial'))

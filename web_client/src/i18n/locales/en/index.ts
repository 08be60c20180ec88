import { byFeature, type Messages } from '../collect'

export default byFeature(import.meta.glob<Messages>('./*.json', { eager: true, import: 'default' }))

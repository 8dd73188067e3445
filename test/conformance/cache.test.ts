import { noCache } from '#core/cache.ts'
import { cacheConformance } from './cache.ts'

const open = async () => ({ ...noCache, [Symbol.asyncDispose]: async () => {} })

cacheConformance('none', open, { remembers: false, claims: false })

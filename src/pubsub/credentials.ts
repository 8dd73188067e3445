import { createPrivateKey } from 'node:crypto'
import type { PubSub } from '@google-cloud/pubsub'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { advice, option } from '#core/advice.ts'

type Auth = PubSub['auth']

const detection = 'METADATA_SERVER_DETECTION'
/** The auth library's error where no key is configured and no metadata server answers. */
const notFound = 'Could not load the default credentials'
/** The doctor waits no longer either. */
const tokenLimitMs = 3000

export const credentialsFix = advice`set GOOGLE_APPLICATION_CREDENTIALS, or run \`gcloud auth application-default login\`, or use an emulator with ${option('pubsub.emulatorHost')}`

/**
 * Looks for credentials once. Unasked, the generated clients look for them by themselves, and end the process where there
 * are none.
 *
 * @param newAuth a new client of the auth library, since it keeps what it found
 * @throws ConfigurationError where a key is named and wrong, or nothing can come; UnreachableError where the metadata
 * server does not give a token: in the first seconds of a pod it may not run yet
 */
export async function findCredentials(newAuth: () => Auth): Promise<void> {
  try {
    const client = await newAuth().getClient()
    if ('key' in client && typeof client.key === 'string') createPrivateKey(client.key)
    return
  } catch (error) {
    const why = messageOf(error)
    const mayCome = why.startsWith(notFound) && environmentOf(detection) !== 'none'
    if (!mayCome)
      throw new ConfigurationError(`no credentials for Google Cloud: ${why}`, {
        fixes: [credentialsFix],
        cause: error,
      })
  }
  await askMetadataServer(newAuth)
}

/**
 * The library detects the metadata server once and caches the result permanently: with `assume-present` it asks again, and
 * so do the generated clients after it.
 */
async function askMetadataServer(newAuth: () => Auth): Promise<void> {
  const before = environmentOf(detection)
  setEnvironment(detection, 'assume-present')
  try {
    const client = await newAuth().getClient()
    await within(client.getAccessToken(), tokenLimitMs)
  } catch (error) {
    setEnvironment(detection, before)
    throw new UnreachableError(
      `no credentials for Google Cloud: no key is named, and the metadata server gives none (${messageOf(error)})`,
      { cause: error },
    )
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  await Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}

// The auth library can only be configured this way.
/* oxlint-disable no-restricted-properties */
function environmentOf(name: string): string | undefined {
  return process.env[name]
}

export function setEnvironment(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

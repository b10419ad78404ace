import { accountOf, credentials, type AccountName } from '../../functions/identity/issue.ts'
import type { InstallationKeys } from '../../functions/identity/keys.ts'
import type { NatsOptions } from '../../functions/jetstream/connection.ts'

/** How the operator gets into NATS. */
export type NatsAccess =
  /** Each namespace has an account of its own; `keys` throws QUEUE_UNAVAILABLE while they are not known. */
  | { readonly kind: 'accounts'; readonly keys: () => InstallationKeys }
  /** All namespaces share what the credentials lead to, or an open server. */
  | { readonly kind: 'shared'; readonly credsFile: string | undefined }

/** How to connect to the account; where there are no accounts, to what all share. Pure. */
export function accessTo(
  access: NatsAccess,
  account: AccountName,
): Pick<NatsOptions, 'credentials' | 'credsFile'> {
  if (access.kind === 'shared') return { credsFile: access.credsFile }
  return { credentials: () => credentials(access.keys(), account, 'operator') }
}

/** How to connect for a namespace. Pure. */
export function accessFor(
  access: NatsAccess,
  namespace: string,
): Pick<NatsOptions, 'credentials' | 'credsFile'> {
  return accessTo(access, accountOf(namespace))
}

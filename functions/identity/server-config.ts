import { accountToken, operatorTokens, type AccountName } from './issue.ts'
import { accountKey, nextAlone, type InstallationKeys } from './keys.ts'

/** The accounts that every server knows from its start. */
const FROM_THE_START: readonly AccountName[] = ['system', 'storage']

/**
 * The part of a nats-server's configuration by which it takes connections with credentials only. `accountsDir` is the folder
 * in which it keeps the tokens of accounts, `more` are accounts that it is to know at its start. It has no secret. Pure.
 */
export function serverConfig(
  keys: InstallationKeys,
  accountsDir: string,
  more: readonly AccountName[] = [],
): string {
  const tokens: [AccountName, string][] = [...FROM_THE_START, ...more].map((account) => [
    account,
    accountToken(keys, account),
  ])
  const next = nextAlone(keys)
  // Servers tell each other all tokens, but let nobody in by one whose signer they do not trust.
  if (next !== undefined) tokens.push(['rotation', accountToken(next, 'rotation')])
  const known = tokens.map(([account, token]) => `  ${accountKey(keys, account)}: ${JSON.stringify(token)}`)
  return [
    `operator: [${operatorTokens(keys)
      .map((token) => JSON.stringify(token))
      .join(', ')}]`,
    `system_account: ${accountKey(keys, 'system')}`,
    `resolver: { type: full, dir: ${JSON.stringify(accountsDir)}, interval: "2m" }`,
    `resolver_preload: {`,
    ...known,
    '}',
    '',
  ].join('\n')
}

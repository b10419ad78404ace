/** An environment with a configuration added, each field under the name of its variable. */
export function withVariables<Config extends object>(
  environment: NodeJS.ProcessEnv,
  config: Config,
  variables: Readonly<Record<keyof Config, string>>,
): NodeJS.ProcessEnv {
  const fields = Object.keys(variables) as (keyof Config)[]
  const added = fields.map((field) => [variables[field], String(config[field])])
  return { ...environment, ...(Object.fromEntries(added) as Record<string, string>) }
}

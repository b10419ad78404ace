/** An environment, and a configuration in it under the names of its variables. */
export function withTold<Config extends object>(
  environment: NodeJS.ProcessEnv,
  config: Config,
  variables: Readonly<Record<keyof Config, string>>,
): NodeJS.ProcessEnv {
  const fields = Object.keys(variables) as (keyof Config)[]
  const told = fields.map((field) => [variables[field], String(config[field])])
  return { ...environment, ...(Object.fromEntries(told) as Record<string, string>) }
}

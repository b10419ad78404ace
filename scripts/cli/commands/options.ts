import { InvalidArgumentError, Option, type Command } from 'commander'

/** Where verbs look that are not told. */
export const WHERE =
  'Without options, that is at the jobico dev of this folder or one above it, else in the cluster of the current kubeconfig context.'

/** Gives a command the options that say which listener. */
export function targeted(command: Command): Command {
  return inCluster(command)
    .addOption(
      new Option('-u, --url <address>', 'the address of the listener').conflicts(['namespace', 'context']),
    )
    .option(
      '--token <token>',
      'the bearer token, where the event needs one (default: the variable JOBICO_TOKEN)',
    )
}

/** Gives a command the options that say which namespace of which cluster, and how to print. */
export function inCluster(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'the namespace in the cluster (default: that of the context)')
    .option('--context <name>', 'the context of the kubeconfig (default: the current one)')
    .addOption(outputOption())
    .addOption(jsonOption())
}

/** How data is printed. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print data').choices(['text', 'json']).default('text')
}

/** The short form of it. */
export function jsonOption(): Option {
  return new Option('--json', 'the same as -o json').implies({ output: 'json' })
}

/** The example at the end of a help text. */
export function example(line: string): string {
  return `\nExample:\n  ${line}`
}

/** Reads a whole number of up to six digits; both ends are allowed. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

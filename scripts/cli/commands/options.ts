import { InvalidArgumentError, Option, type Command } from 'commander'

/** Which target a command talks to when no option names one. */
export const WHERE =
  'By default it uses the jobico dev that runs in this folder or a folder above it, or else the cluster of the current kubeconfig context.'

/** Gives a command the options that name a listener. */
export function targeted(command: Command): Command {
  return inCluster(command)
    .addOption(
      new Option(
        '-u, --url <address>',
        'the address of the listener; not together with -n or --context',
      ).conflicts(['namespace', 'context']),
    )
    .option(
      '--token <token>',
      'the bearer token, if the event needs one (default: the variable JOBICO_TOKEN, but not for a jobico dev)',
    )
}

/** Gives a command the options that name a namespace of a cluster, and those of printing. */
export function inCluster(command: Command): Command {
  return inNamespace(command).addOption(outputOption()).addOption(jsonOption())
}

/** Gives a command the options that name a namespace of a cluster. */
export function inNamespace(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'the namespace in the cluster (default: that of the context)')
    .option('--context <name>', 'the context of the kubeconfig (default: the current one)')
}

/** How data is printed. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print data').choices(['text', 'json']).default('text')
}

/** The short form of `-o json`. */
export function jsonOption(): Option {
  return new Option('--json', 'the same as -o json').implies({ output: 'json' })
}

const examples = new WeakMap<Command, string>()

/** Ends the help of a command with an example. */
export function withExample(command: Command, line: string): Command {
  examples.set(command, line)
  return command.addHelpText('after', `\nExample:\n  ${line}`)
}

/** The example at the end of a command's help. */
export function exampleOf(command: Command): string | undefined {
  return examples.get(command)
}

/** Reads a whole number of up to six digits; both ends are allowed. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

import type { Argument, Command, Option } from 'commander'

import { exampleOf, WHERE } from '../cli/commands/options.ts'
import { createProgram } from '../cli/commands/program.ts'
import { CLI_HEAD } from './cli-head.ts'
import { block, code, page, prose, sentence, table } from './markdown.ts'

/** The text of docs/reference/cli.md, from the definitions of the commands. */
export function cliPage(): string {
  const commands = leavesOf(createProgram())
  return page([
    '# The command line',
    '<!-- Made from scripts/cli/commands/ by scripts/generate.ts; change it there. -->',
    table(
      ['command', 'does'],
      commands.map((command) => [code(fullName(command)), prose(command.summary())]),
    ),
    CLI_HEAD,
    ...commands.map(commandSection),
  ])
}

/** The commands that do something, without those that only hold others. */
function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

function commandSection(command: Command): string {
  const example = exampleOf(command)
  return page([
    `## ${fullName(command)}`,
    prose(command.description().replace(` ${WHERE}`, '')), // the head says that, too
    block('sh', `${fullName(command)} ${command.usage()}`),
    argumentTable(command.registeredArguments),
    optionTable(command.options),
    example === undefined ? '' : `Example:\n\n${block('sh', example)}`,
  ]).trimEnd()
}

function argumentTable(all: readonly Argument[]): string {
  if (all.length === 0) return ''
  return table(
    ['argument', 'required', 'meaning'],
    all.map((argument) => [
      code(`${argument.name()}${argument.variadic ? '...' : ''}`),
      argument.required ? 'yes' : 'no',
      prose(sentence(argument.description)),
    ]),
  )
}

function optionTable(all: readonly Option[]): string {
  if (all.length === 0) return ''
  return table(
    ['option', 'default', 'meaning'],
    all.map(({ flags, defaultValue, argChoices, description }) => [
      code(flags),
      defaultValue === undefined ? '' : code(String(defaultValue)),
      prose(sentence(description)) +
        (argChoices === undefined ? '' : ` One of ${argChoices.map(code).join(', ')}.`),
    ]),
  )
}

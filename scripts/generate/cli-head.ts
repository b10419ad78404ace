/** The start of docs/reference/cli.md, which the definitions of the commands do not say. */
export const CLI_HEAD = `\`npx jobico COMMAND\` works in this repository and in every project that has the package installed. Each command has \`--help\`.
Results go to standard output, everything else to standard error. Where a command prints data, \`-o json\`, or \`--json\`, prints it
for programs.

## Which target a command uses

| command | target |
|---|---|
| \`init\`, \`dev\`, \`build\`, \`test\` | this machine |
| \`send\`, \`get\`, \`tail\`, \`status\`, \`dead\` | the \`jobico dev\` that runs in this folder or a folder above it, or else the cluster of the current kubeconfig context |
| \`push\`, \`deploy\` | a cluster only |

\`-n\` and \`--context\` name a namespace and a kubeconfig context, as for kubectl, and so always mean a cluster; \`status -A\` means
one, too. \`send\` and \`get\` also take the address of a listener as \`--url\`. A command says on standard error which target it
uses. If a \`jobico dev\` runs here, \`push\` asks for \`-n\` or \`--context\`; \`deploy\` uses the current context.

\`push --check\` checks each module against the \`memory\` of the cluster's Jobs that use it. If there is no cluster to ask, it checks
against the default, 64Mi.

## Permissions in a cluster

The CLI talks to the API server only, and opens port-forwards through it by itself. It needs the permissions to list pods and to
use \`pods/portforward\`, besides those to read Jobs, and for \`deploy\` to apply the objects in the files:

| command | namespace of the port-forward |
|---|---|
| \`send\` | \`knative-serving\` |
| \`get\`, \`tail\`, \`dead\`, \`push\`, \`deploy\`, \`backup\`, \`restore\` | \`jobico-system\` |
| \`status\`, \`push --check\`, \`send\` and \`get\` with \`--url\` | none |

[operating.md](../operating.md) has a role for them. Those that forward to \`jobico-system\` also read the Secret \`jobico-nats\` of
the namespace, which has its credentials for NATS; \`backup\` and \`restore\` with \`-A\` those of all namespaces.

## Environment variables

| variable | meaning |
|---|---|
| \`JOBICO_TOKEN\` | the bearer token for events with auth, if there is no \`--token\`; not sent to a \`jobico dev\` |
| \`KUBECONFIG\` | the kubeconfig, as for kubectl |
| \`NATS_SERVER\` | the nats-server program that \`jobico dev\` starts, instead of the one on PATH |
| \`NATS_CREDS_FILE\` | a credentials file with which the CLI connects to the NATS of a cluster, instead of those of the Secret \`jobico-nats\` |
| \`XDG_CACHE_HOME\` | where Jobico keeps what it downloads, compiles and believes, in a folder \`jobico\`; \`~/.cache\` by default |
| \`NO_COLOR\` | no colours |
| \`JOBICO_DEBUG\` | print the stack traces of errors |

## Exit codes

| code | when |
|---|---|
| 0 | the command did what it was asked to. \`get\` ends with 0 whenever the event is known, also if it is dead; \`dev\` and \`tail\` end with 0 after Ctrl-C. |
| 1 | an error, also in the command line itself; standard error says what is wrong and how to fix it |
| 1 from \`send\` | the event was refused; with \`--wait\` also if it is dead, or has no outcome in time |
| 1 from \`test\` | an example ended otherwise than expected |
| 1 from \`dead redrive\` | not all that was asked for is sent or pending already |
| 1 from \`dead purge\` | not all that was asked for is deleted |
| 1 from \`deploy\` | a module or a file was refused, or a Job was not Ready in time |
| 130 from \`dev\` | it was stopped at once: by a second Ctrl-C, or by one while it was starting |`

import { Argument, Command } from 'commander'
import { programName } from '#runtime/program-name.ts'
import type { Shell } from '../completion/script.ts'
import { completionScript, shells } from '../completion/script.ts'
import { nodesOf } from '../completion/tree.ts'

export function completionCommand(): Command {
  return new Command('completion')
    .summary('print a shell completion script')
    .description('Print a completion script for commands, options and their values.')
    .addArgument(new Argument('<shell>', 'shell to complete in').choices(shells))
    .addHelpText(
      'before',
      `Examples:
  eval "$(${programName} completion bash)"      for this shell, if it is bash
  eval "$(${programName} completion zsh)"       for this shell, if it is zsh

To install permanently (bash, then zsh); repeat the first command after an upgrade:
  ${programName} completion bash > ~/.ingester.bash && echo '. ~/.ingester.bash' >> ~/.bashrc
  ${programName} completion zsh > ~/.ingester.zsh && echo '. ~/.ingester.zsh' >> ~/.zshrc

It completes after ingester, bin/ingester and any other path to it. It runs nothing but the shell itself.
`,
    )
    .action((shell: Shell, _options: object, { parent }: Command) => {
      if (parent) console.log(completionScript(shell, nodesOf(parent)))
    })
}

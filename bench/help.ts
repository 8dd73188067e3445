import { benches } from './benches.ts'
import { listOf } from './cli-options.ts'

/** Of `make bench`; it fits a terminal of 80 columns and 24 rows. */
export const benchHelp = () => `\
Examples:
  make bench                                  all, five times: about 70 minutes
  make bench BENCH=new-keys,latency RUNS=1    some of them, once
  make bench ARGS=--write                     all, and into docs/BENCHMARKS.md
BENCH, or gateway for the HTTP gateway:
${listOf(benches)}
ARGS:
  --json       print the results as one object
  --write      write page, plots and results into docs/; for all benches only
  --from FILE  measure nothing, take the results from there
  --quick      a hundredth of the messages: proves that it works, no more`

/** Of `make profile`. */
export const profileHelp = () => `\
Where the ingester's processor time goes under load, by package and by function.
Examples:
  make profile                             updates of a table of a million rows
  make profile BENCH=new-keys ARGS=--json  another bench, as data
BENCH, of which the first configuration is run once:
${listOf(benches.filter(({ measure }) => measure === 'throughput'))}
ARGS:
  --json   print both tables as one object
  --quick  a hundredth of the messages: proves that it works, no more`

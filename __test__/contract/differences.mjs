// What a route or a release cannot do, as data: everything else is the same for all of them.
import { dialects } from '../support/dialects.mjs'

/** Generation 2 takes no summary that is not of this form. */
const TEMPLATE = `## Objective
- none

## Requirements
- none

## Decisions
- none

## Work State
- none

### Completed
- none

### Active
- none

### Blocked
- none

## Next Move
- none

## Relevant Files
- none

## Important Context
- none`

/** Whether release `version` is older than `than`. */
export function isBefore(version, than) {
  const [a, b] = [version, than].map((each) => each.split('.').map(Number))
  const at = a.findIndex((number, index) => number !== b[index])
  return at !== -1 && a[at] < b[at]
}

/** How a route of a release differs from the rest; where it cannot do a thing, that is a stated error. */
export function differences(route, version) {
  const isRun = route === 'run'
  const isAcp = route === 'acp'
  const before = (than) => isBefore(version, than)
  const generation = before('2.0.0') ? 1 : 2
  const second = generation === 2
  return {
    generation,
    ...dialects[generation],
    /** Text comes in batches of 100 ms, each behind what of the same message is not text. */
    batches: second,
    /** The last of a turn's events on the wire, and where such events have their payload. */
    lastEvent: second ? 'session.execution.succeeded' : 'session.idle',
    payload: second ? 'data' : 'properties',
    /** In the words of OpenCode. */
    providerError: second ? { error: { type: 'provider.auth' } } : { name: 'APIError' },
    refusalData: (status) => (second ? { error: { status } } : { isRetryable: false }),
    /** What the model says when it is to summarise. */
    summary: second ? TEMPLATE : 'SUMMARY OF THE CONTEXT',
    /** A tool says that it could not do what was rejected, and keeps the reason to itself. */
    hidesWhy: second,
    /** `run` mostly does not print the end of the last step: its totals, and why it ended. */
    tellsLastStep: !isRun || !second,
    /** `run` reads what happened from a stream that it may leave before its end; what it then prints are parts, no steps. */
    printsSteps: !isRun || !second,
    /** `run` ends with 1 whether a call of the model that was made again went well or not: the end of its step may tell. */
    doubtsRetries: isRun && second,
    /** ACP may send the prompt to a model that nobody chose. */
    cannotBeUsed: isAcp && second ? /model in its cloud/ : undefined,
    /** A private server of generation 2 chooses its port, and tells it to us alone. */
    tellsItsDoor: route !== 'private' || !second,
    /** The model is told to go on after a failure, so what it wrote before is a part of the answer. */
    continues: second,
    /** The title of a call of the shell: its first words, or what the model said that it is for. */
    titlesCalls: !second && (before('1.17.0') ? /^a title$/ : /^echo one/),
    /** A running tool tells what it has said so far. */
    growsOutput: !second,
    /** A call of a tool that is not there. */
    unknownTool: second
      ? { tool: 'teleport', status: 'error', error: /teleport/ }
      : { tool: 'invalid', status: 'completed', output: /teleport/ },
    /** Older releases ignore the password that keeps a server of ours to ourselves. */
    cannotStart: route === 'private' && before('1.1.16') ? /ignores its password/ : undefined,
    /** These end before they have printed all, sometimes before anything. */
    losesItsEnd: isRun && ['1.14.34', '1.14.48', '1.15.13'].includes(version),
    /** Old releases of `run` put the end of a line between the words of the command, of which there are none, and its input. */
    promptPrefix: isRun && before('1.14.0') ? '\n' : '',
    granularity: isRun ? 'part' : 'token',
    /** `opencode run` does not say which release it is, and the server only since `GET /global/health` is there. */
    tellsVersion: isAcp || (!isRun && !before('1.0.193')),
    /** ACP has no steps on its wire; their totals are in the result. */
    tellsSteps: !isAcp,
    /** `run --thinking` came with 1.1.65. */
    tellsReasoning: !isRun || !before('1.1.65'),
    /** `run` tells a tool call once, when it is over. */
    toolStates: isRun ? ['completed'] : ['pending', 'running', 'completed'],
    /** To 1.3.2 OpenCode stores a part without its trailing white space, and `run` prints what is stored. */
    trimsParts: isRun && before('1.14.0'),
    /** Before it learnt to reject by itself, `run` showed a menu and waited for a key. */
    canReject: !isRun || !before('1.1.65'),
    canAllow: !isRun || !before('1.14.34'),
    /** 1.0.142 loads a session over ACP and then does not know it. */
    canGoOn: !isAcp || !before('1.0.185'),
    canFindTheNewest: !isAcp || !before('1.1.31'),
    /** 1.14.48 has a fork over ACP, and then asks itself for it in a way that it refuses. */
    canFork: isAcp ? !before('1.1.31') && version !== '1.14.48' : !isRun || !before('1.1.65'),
    /** Whether somebody can be asked while a turn runs. */
    canCall: !isRun,
    /** A rejection had no place for a message before `permission.asked` came: the turn ends there. */
    tellsWhy: !before('1.1.0'),
    /** `run` takes one text from its standard input. */
    takesFiles: !isRun,
    /** Before it learnt to, a provider that failed in the middle of an answer ended the turn. */
    beginsAgain: !before('1.2.0'),
    /** Behind a connection that broke, these write the new words into the same part, and store them so. */
    gluesAttempts: before('1.2.0'),
    /** Before it learnt to, a context that overflows was an error of the provider like any other. */
    knowsOverflow: !before('1.2.0'),
    /** `run` prints a part when it is complete, so what was given up was never printed. */
    streamsAttempts: !isRun,
    /** A server goes on when the turn is over, and is not ended with it. */
    outlivesTurns: !isRun && !isAcp,
    /** The release has a way of its own to be asked for JSON, and the route can ask. */
    structures: !isRun && !isAcp && !before('1.1.65') && !second,
    /** A PDF reaches the provider; older releases have none for it. */
    sendsPdf: !before('1.14.0') && !second,
    /** Text of files is put behind the prompt, into one message. */
    joinsFiles: second,
    /** To 1.1.31 a link is a directory of its own. */
    resolvesLinks: !before('1.2.0'),
    /** The name of a directory is decoded once more than it was encoded. */
    decodesDirectories: !second,
  }
}

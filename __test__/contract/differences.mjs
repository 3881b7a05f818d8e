// What a route or a release cannot do, as data: everything else is the same for all of them.

/** Whether release `version` is older than `than`. */
export function isBefore(version, than) {
  const [a, b] = [version, than].map((each) => each.split('.').map(Number))
  const at = a.findIndex((number, index) => number !== b[index])
  return at !== -1 && a[at] < b[at]
}

/** How a route of a release differs from the rest. */
export function differences(route, version) {
  const isRun = route === 'run'
  return {
    /** Old releases of `run` put the end of a line between the words of the command, of which there are none, and its input. */
    promptPrefix: isRun && isBefore(version, '1.14.0') ? '\n' : '',
    granularity: isRun ? 'part' : 'token',
    /** `opencode run` does not say which release it is. */
    tellsVersion: !isRun,
    /** ACP has no steps on its wire; their totals are in the result. */
    tellsSteps: route !== 'acp',
    /** `run --thinking` came with 1.1.65. */
    tellsReasoning: !isRun || !isBefore(version, '1.1.65'),
    /** `run` tells a tool call once, when it is over. */
    toolStates: isRun ? ['completed'] : ['pending', 'running', 'completed'],
    /** To 1.3.2 OpenCode stores a part without its trailing white space, and `run` prints what is stored. */
    trimsParts: isRun && isBefore(version, '1.14.0'),
    /** Before it learnt to reject by itself, `run` showed a menu and waited for a key. */
    canReject: !isRun || !isBefore(version, '1.14.34'),
    canAllow: !isRun || !isBefore(version, '1.14.34'),
    /** Whether somebody can be asked while a turn runs. */
    canCall: !isRun,
    /** `run` takes one text from its standard input. */
    takesFiles: !isRun,
    /** The release has a way of its own to be asked for JSON, and the route can ask. */
    structures: ['server', 'private'].includes(route) && !isBefore(version, '1.1.65'),
    canFork: !isRun || !isBefore(version, '1.2.0'),
  }
}

'use strict'

const { UsageError } = require('./arguments.js')

/** A pipe that nobody writes to and nobody closes would otherwise look like a slow model. */
const NOTICE_MS = 3_000
/** Beside words, piped text is waited for so long: a shell's default is a pipe that stays open and empty. */
const SILENCE_MS = 2_000
/** Characters. No model reads more, and a device such as /dev/zero has no end. */
const LONGEST = 64 * 1024 * 1024

/** The words of the command line, what is piped in, or both, as `opencode run` puts them together. */
async function readPrompt(words, { stdin = process.stdin, notice, silence = SILENCE_MS }) {
  const isDash = words.length === 1 && words[0] === '-'
  const given = isDash ? '' : words.join(' ')
  if (given === '' && stdin.isTTY && !isDash) throw new UsageError('There is no prompt')
  const piped =
    stdin.isTTY && !isDash ? '' : await pipedText(stdin, { notice, silence, isExtra: given !== '' })
  const prompt = given !== '' && piped !== '' ? `${given}\n${piped}` : given + piped
  if (prompt.trim() === '') throw new UsageError('The prompt is empty')
  return prompt
}

/** All of it; beside a prompt of words, what comes until nothing more does for a while. */
function pipedText(stdin, { notice, silence, isExtra }) {
  const patience = isExtra ? silence : NOTICE_MS
  let text = ''
  return new Promise((resolve, reject) => {
    const onSilence = () => {
      if (!isExtra) return notice('Waiting for the end of what is piped in; `< /dev/null` pipes nothing')
      if (text !== '') notice('Going on without the end of what is piped in')
      stdin.destroy()
      resolve(text)
    }
    const timer = stdin.isTTY ? undefined : setTimeout(onSilence, patience)
    const end = (settle, value) => {
      clearTimeout(timer)
      settle(value)
    }
    stdin.setEncoding('utf8')
    stdin.on('data', (more) => {
      text += more
      timer?.refresh()
      if (text.length <= LONGEST) return
      stdin.destroy()
      end(reject, new UsageError(`More than ${LONGEST} characters are piped in`))
    })
    stdin.on('end', () => end(resolve, text))
    stdin.on('error', (error) =>
      end(reject, new UsageError(`What is piped in cannot be read: ${error.message}`)),
    )
  })
}

module.exports = { readPrompt }

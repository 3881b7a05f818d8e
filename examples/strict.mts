// Under `strict` and `exactOptionalPropertyTypes`: what may be missing is passed on as it is.
import { type GenerateOptions, generateJson, OpenCodeError, type PermissionReply } from 'opencode-stream'

interface Wish {
  about: string
  model?: string | undefined
  sessionID?: string | undefined
}

function optionsOf({ model, sessionID }: Wish): GenerateOptions {
  const permission = ({ patterns }: { patterns: string[] }): PermissionReply =>
    patterns.every((pattern) => pattern.startsWith('git ')) ? 'once' : 'reject'
  return { model, sessionID, permission, question: 'reject', signal: undefined }
}

export async function titleOf(wish: Wish): Promise<string | undefined> {
  const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] }
  try {
    const { value } = await generateJson<{ title: string }>(wish.about, { ...optionsOf(wish), schema })
    return value.title
  } catch (error) {
    if (!(error instanceof OpenCodeError) || error.code !== 'ERR_OPENCODE_JSON') throw error
    return undefined
  }
}

console.log(await titleOf({ about: 'A title for this project.' }))

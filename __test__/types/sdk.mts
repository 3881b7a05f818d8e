// Where this package and OpenCode's own SDK speak of the same objects, they can be passed from one to the other.

import type { OpencodeClient, Part } from '@opencode-ai/sdk'
import type * as v2 from '@opencode-ai/sdk/v2'
import type {
  AgentQuestion,
  GenerateResult,
  ModelRef,
  OpenCodePart,
  PermissionEvent,
  PromptPart,
} from 'opencode-stream'

/** What the SDK gives can be used wherever our parts are wanted. */
export const fromTheSdk = (parts: Part[], newer: v2.Part[]): OpenCodePart[] => [...parts, ...newer]

/** Our parts are the SDK's, though of any release: a cast makes them narrow by `type`, without `unknown` between. */
export function textsOf({ parts }: GenerateResult): string[] {
  return (parts as Part[]).flatMap((part) => (part.type === 'text' ? part.text : []))
}

/** A prompt for us is a prompt for the SDK. */
export async function promptWithTheSdk(
  sdk: OpencodeClient,
  id: string,
  parts: PromptPart[],
  model: ModelRef,
) {
  await sdk.session.prompt({ path: { id }, body: { parts, model } })
}

/** A permission that we tell of is one that the SDK tells of, and can be answered with it. */
export const permissionOf = (
  event: PermissionEvent,
): Pick<v2.PermissionRequest, 'id' | 'sessionID' | 'permission' | 'patterns' | 'tool'> => event
export async function answerWithTheSdk(sdk: v2.OpencodeClient, { id, reply }: PermissionEvent) {
  if (reply !== undefined && reply !== 'leave') await sdk.permission.reply({ requestID: id, reply })
}

export const questionToUs = (question: v2.QuestionInfo): AgentQuestion => question

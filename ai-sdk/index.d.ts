/**
 * OpenCode as a provider of the AI SDK, version 7 (language model specification v4).
 *
 * ```js
 * import { streamText } from 'ai'
 * import { opencode } from 'opencode-stream/ai-sdk'
 *
 * const { textStream } = streamText({ model: opencode(), prompt: 'Explain this repository' })
 * for await (const text of textStream) process.stdout.write(text)
 * ```
 *
 * A call is one turn of OpenCode, with all its steps and tools. What is supported is in `docs/ai-sdk.md`.
 *
 * @packageDocumentation
 */

import type { LanguageModel } from 'ai'
import type { GenerateOptions } from 'opencode-stream'

/** Settings of a model, and of one call as `providerOptions.opencode` (which must be JSON there). */
export type OpenCodeSettings = Omit<GenerateOptions, 'model' | 'signal' | 'raw'>

/** A language model to specification v4. */
export type OpenCodeLanguageModel = Extract<LanguageModel, { specificationVersion: 'v4' }>

export interface OpenCodeProvider {
  /**
   * @param modelId `'provider/model'`; default, and `'default'`: OpenCode's own choice
   * @param settings for every call of this model
   */
  (modelId?: string | undefined, settings?: OpenCodeSettings | undefined): OpenCodeLanguageModel
  /** OpenCode's own choice of a model. */
  (settings: OpenCodeSettings): OpenCodeLanguageModel
  languageModel(modelId?: string | undefined, settings?: OpenCodeSettings | undefined): OpenCodeLanguageModel
  languageModel(settings: OpenCodeSettings): OpenCodeLanguageModel
  readonly specificationVersion: 'v4'
  /** @throws {OpenCodeError} `ERR_OPENCODE_UNSUPPORTED_OPTION`: OpenCode has none */
  embeddingModel(modelId: string): never
  /** @throws {OpenCodeError} `ERR_OPENCODE_UNSUPPORTED_OPTION`: OpenCode has none */
  imageModel(modelId: string): never
  /** Ends the turns of this provider, and the server that it started, if it did. */
  close(): Promise<void>
}

/**
 * A provider with connections and defaults of its own.
 *
 * @throws {OpenCodeError} `ERR_OPENCODE_INVALID_OPTION`, `ERR_OPENCODE_UNSUPPORTED_OPTION`
 */
export function createOpenCode(defaults?: GenerateOptions): OpenCodeProvider

/** The provider with all defaults. */
export const opencode: OpenCodeProvider

// What the model of the real OpenCode answers each prompt with.

export const REAL_TOKENS = Array.from({ length: 500 }, (_, n) => `tok${String(n).padStart(4, '0')} `)
export const REAL_TEXT = REAL_TOKENS.join('')

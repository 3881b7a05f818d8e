'use strict'

/** What the server runs in: the model's environment or ours, and what the test adds. */
function serverEnv({ model, config, env = {}, password }) {
  const whole = { ...(model ? model.env : process.env), ...env }
  if (config) {
    whole.OPENCODE_CONFIG_CONTENT = JSON.stringify(
      merged(JSON.parse(whole.OPENCODE_CONFIG_CONTENT ?? '{}'), config),
    )
  }
  if (password !== undefined) {
    whole.OPENCODE_SERVER_PASSWORD = password
    // The name from 2.0 on, and the one that wins there.
    whole.OPENCODE_PASSWORD = password
  }
  return whole
}

const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

function merged(base, over) {
  const result = { ...base }
  for (const [key, value] of Object.entries(over)) {
    result[key] = isRecord(value) && isRecord(base[key]) ? merged(base[key], value) : value
  }
  return result
}

module.exports = { serverEnv }

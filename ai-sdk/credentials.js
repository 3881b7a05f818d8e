'use strict'

const { SECRET_NAME } = require('../lib/options.js')

/** The model's settings for a call: without their server and its credentials, if the call names another server. */
function credentialsFor(own, settings) {
  const named = addressOf(own)
  if (named === undefined || named === addressOf(settings)) return settings
  const { baseUrl: _, serverUrl: __, username: ___, password: ____, headers, ...rest } = settings
  if (headers == null) return rest
  const open = Object.entries(headers).filter(([name]) => !SECRET_NAME.test(name))
  return { ...rest, headers: Object.fromEntries(open) }
}

/** The address without userinfo; what is none is judged where it is used. */
function addressOf(settings) {
  const given = settings?.baseUrl ?? settings?.serverUrl
  if (given == null) return undefined
  try {
    const { origin, pathname } = new URL(given)
    return origin + pathname.replace(/\/+$/, '')
  } catch {
    return ''
  }
}

module.exports = { credentialsFor }

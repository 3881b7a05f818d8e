'use strict'

const { SECRET_NAME } = require('./options.js')

const SHORTEST = 4

/** A function that takes the secrets of a request out of a text. Nothing of ours prints one; a server may echo one. */
function redactor(request) {
  const secrets = secretsOf(request).filter((secret) => secret?.length >= SHORTEST)
  // The longest first: one may be a part of another.
  secrets.sort((a, b) => b.length - a.length)
  return (text) => secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text)
}

function secretsOf({ credentials, headers, launch }) {
  const { username, password } = credentials ?? {}
  const basic = credentials && Buffer.from(`${username}:${password}`).toString('base64')
  return [password, basic, ...Object.values(headers ?? {}), ...environmentOf(launch ?? {})]
}

/** What the caller added for what we start, and what is a secret by its name. A redacted HOME would help nobody. */
function environmentOf({ environment = {} }) {
  return Object.entries(environment)
    .filter(([name, value]) => value !== process.env[name] || SECRET_NAME.test(name))
    .map(([, value]) => value)
}

module.exports = { redactor }

'use strict'

const { invalid, wrongSecret } = require('./invalid-option.js')

const HINT = "Pass the server's address, e.g. 'http://127.0.0.1:4096'."

/**
 * A named server: `{ url, username, password }`. The address comes out without userinfo and without
 * a trailing slash; a path is kept, for servers behind a reverse proxy.
 */
function readServerUrl(value, subject) {
  if (value instanceof URL) return readServerUrl(value.href, subject)
  if (typeof value !== 'string') throw wrongSecret(subject, value, 'a URL', HINT)
  const url = parse(value)
  if (url === null) throw invalid(subject, `is "${redact(value)}", which is not a URL`, HINT)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw notHttp(subject, value)
  if (/[?#]/.test(value)) {
    throw invalid(
      subject,
      `is "${redact(value)}", but must not have a query or a fragment`,
      'Leave out what follows the path.',
    )
  }
  return {
    url: url.origin + url.pathname.replace(/\/+$/, ''),
    username: decode(url.username, subject),
    password: decode(url.password, subject),
  }
}

function parse(value) {
  try {
    return new URL(value)
  } catch {
    return null
  }
}

function notHttp(subject, value) {
  const bareHost = /^[\w.-]+:\d+(\/|$)/.test(value)
  const hint = bareHost ? `Did you mean 'http://${value}'?` : HINT
  return invalid(subject, `is "${redact(value)}", but must begin with http:// or https://`, hint)
}

/** Userinfo and query can hold secrets, also in an address that could not be parsed. */
function redact(value) {
  const withoutUserinfo = value.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1***@')
  const [address] = withoutUserinfo.split(/[?#]/, 1)
  return address.length < withoutUserinfo.length ? `${address}…` : address
}

function decode(part, subject) {
  if (part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid(
      subject,
      'has userinfo with a broken % escape',
      'Use the options `username` and `password` instead.',
    )
  }
}

/** This machine by its names and addresses, as `URL` writes them. */
const LOOPBACK =
  /^((.+\.)?localhost\.?|127(\.\d+){3}\.?|0\.0\.0\.0\.?|\[::1?\]|\[::ffff:(7f[\da-f]{2}:[\da-f]+|0:0)\])$/

function isLoopback(url) {
  return LOOPBACK.test(new URL(url).hostname)
}

module.exports = { readServerUrl, isLoopback }

/**
 * Returns `true` if a request comes from the page that a server on loopback serves. A browser can be made to post here
 * by any website (then `origin` is theirs), and any name can be made to lead here (then `host` is theirs).
 */
export function isOwnPage({ host, origin }) {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host) && (!origin || origin === `http://${host}`)
}

/** A prompt is a text. As an array it could name files of this machine, which OpenCode would read. */
export function textOf(prompt) {
  return typeof prompt === 'string' ? prompt : ''
}

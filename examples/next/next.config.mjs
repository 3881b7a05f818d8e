/** @type {import('next').NextConfig} */
export default {
  // It has an addon, which no bundler can take in: Node loads it.
  serverExternalPackages: ['opencode-stream'],
}

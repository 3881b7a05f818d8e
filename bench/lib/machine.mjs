// On what it was measured.

import { execFileSync } from 'node:child_process'
import os from 'node:os'

export function machine() {
  return {
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    memoryGB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    rustc: execFileSync('rustc', ['--version'], { encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
  }
}

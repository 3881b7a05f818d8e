'use strict'

const { lockstep } = require('./lockstep.js')
const { NEWEST, opencodeBinary } = require('./opencode-binary.js')
const { openCode } = require('./opencode-kit.js')
const { recordTurn } = require('./recording.js')
const { replayStream } = require('./replay-stream.js')
const { scriptedModel } = require('./scripted-model.js')
const { startOpenCode } = require('./start-opencode.js')
const { cut, fail, finish, hang, pause, reasoning, text, toolCall, usage } = require('./steps.js')
const { withOpenCode } = require('./with-opencode.js')

module.exports = {
  NEWEST,
  cut,
  fail,
  finish,
  hang,
  lockstep,
  openCode,
  opencodeBinary,
  pause,
  reasoning,
  recordTurn,
  replayStream,
  scriptedModel,
  startOpenCode,
  text,
  toolCall,
  usage,
  withOpenCode,
}

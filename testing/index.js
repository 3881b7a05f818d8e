'use strict'

const { lockstep } = require('./lockstep.js')
const { NEWEST, opencodeBinary } = require('./opencode-binary.js')
const { scriptedModel } = require('./scripted-model.js')
const { startOpenCode } = require('./start-opencode.js')
const { cut, fail, finish, hang, pause, reasoning, text, toolCall, usage } = require('./steps.js')

module.exports = {
  NEWEST,
  cut,
  fail,
  finish,
  hang,
  lockstep,
  opencodeBinary,
  pause,
  reasoning,
  scriptedModel,
  startOpenCode,
  text,
  toolCall,
  usage,
}

import { contract, releases } from './contract.mjs'

for (const version of releases('1.18.33')) contract('server', version)

import { contract, releases } from './contract.mjs'

for (const version of releases('1.18.33', '2.0.15')) contract('server', version)

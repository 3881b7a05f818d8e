import { contract, releases } from './contract.mjs'

for (const version of releases('1.18.33', '1.1.31', '2.0.15')) contract('acp', version)

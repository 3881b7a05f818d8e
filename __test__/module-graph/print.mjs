// Prints known.json as the sources have it now: `node __test__/module-graph/print.mjs`.
import { known, projectGraph } from './project.mjs'
import { violationsOf } from './violations.mjs'

const { today } = known()
const { circles, arrows, crates } = violationsOf(await projectGraph(), today)
console.log(JSON.stringify({ today, circles, arrows, crates }, null, 2))

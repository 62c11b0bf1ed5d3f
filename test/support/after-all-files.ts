import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { clusterFolder } from '../../src/db/embedded/cluster.ts'
import { CLUSTER } from './database.ts'

// Another run in this checkout may be using it.
if (!existsSync(join(clusterFolder(CLUSTER), 'postmaster.pid'))) rmSync(CLUSTER, { recursive: true, force: true })

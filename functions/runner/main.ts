import { runRunner } from './process.ts'

runRunner()

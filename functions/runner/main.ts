import { runRunner } from './runner-process.ts'

runRunner()

import { makeInlineWorkers } from "../../../src/segment/worker/inlineWorkers.ts"
import { workersConformance } from "./conformance.ts"
import { indexConformance } from "./indexConformance.ts"
import { mergeConformance } from "./mergeConformance.ts"

workersConformance("inline", 1, makeInlineWorkers)
mergeConformance("inline", makeInlineWorkers)
indexConformance("inline", makeInlineWorkers)

import { makeInlineWorkers } from "../../../src/segment/worker/inlineWorkers.ts"
import { workersConformance } from "./conformance.ts"

workersConformance("inline", 1, makeInlineWorkers)

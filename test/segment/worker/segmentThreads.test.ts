/** Threads start when they are needed, end with their scope, and are replaced when they die. */
import { makeSegmentThreads, segmentThreadsDefaults } from "../../../src/segment/worker/segmentThreads.ts"
import { workersConformance } from "./conformance.ts"

workersConformance("one thread", makeSegmentThreads(segmentThreadsDefaults))

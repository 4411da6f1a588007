/** Compiled schemas. */
import * as Layer from "effect/Layer"
import { Decoders, makeDecoders } from "../src/schema/Decoders.ts"

/** Decoders, compiled when they are first needed. */
export const layer: Layer.Layer<Decoders> = Layer.sync(Decoders, makeDecoders)

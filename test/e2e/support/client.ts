/** A typed gRPC client of a running server, as a program in another language would have it. */
import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import type { JsonObject } from "@bufbuild/protobuf"

const identity = (bytes: Buffer): Buffer => bytes

/** Columns of a record, as a `google.protobuf.Struct` carries them. */
export type Data = JsonObject

/** Calls of one port. */
export class Client {
  readonly grpc: grpc.Client

  constructor(port: number) {
    this.grpc = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_send_message_length": -1,
      "grpc.max_receive_message_length": -1
    })
  }

  /** Calls a method; rejects with a `grpc.ServiceError`. */
  async call<Method extends DescMethodUnary>(
    method: Method,
    request: MessageInitShape<Method["input"]>
  ): Promise<MessageShape<Method["output"]>> {
    const bytes = Buffer.from(toBinary(method.input, create(method.input, request)))
    const answer = await this.callBytes(`/${method.parent.typeName}/${method.name}`, bytes)
    return fromBinary(method.output, answer) as MessageShape<Method["output"]>
  }

  /** Sends bytes, whatever they are. */
  callBytes(path: string, bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.grpc.makeUnaryRequest(path, identity, identity, bytes, (error, answer) => {
        if (error !== null) reject(error)
        else resolve(answer!)
      })
    })
  }

  close(): void {
    this.grpc.close()
  }
}

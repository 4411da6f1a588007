/** Server reflection, v1 and v1alpha: tools like `buf curl` and `grpcurl` learn the services from the server itself. */
import type { DescFile, DescService } from "@bufbuild/protobuf"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import type * as grpc from "@grpc/grpc-js"
import { ReflectionService } from "@grpc/reflection"
import { file_google_rpc_error_details } from "./generated/google/rpc/error_details_pb.ts"
import { Health } from "./generated/grpc/health/v1/health_pb.ts"

/** A file and everything that it imports, each once. */
const withImports = (file: DescFile, seen: Set<DescFile>): void => {
  if (seen.has(file)) return
  seen.add(file)
  for (const dependency of file.dependencies) withImports(dependency, seen)
}

/** Lets a server describe some services and its health service, with everything that their messages need. */
export const addReflection = (server: grpc.Server, own: ReadonlyArray<DescService>): void => {
  const services = [...own, Health]
  const files = new Set<DescFile>()
  for (const service of services) withImports(service.file, files)
  // No message of ours names the error details, but tools that show an error look them up.
  withImports(file_google_rpc_error_details, files)
  const fileDescriptorProtos = [...files].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
  // The reflection service reads nothing of a package definition but the descriptors; these hold all files.
  const definition = { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos } as const
  new ReflectionService({ varve: definition } as never, { services: services.map((service) => service.typeName) })
    .addToServer(server)
}

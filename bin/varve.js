#!/usr/bin/env node
// The `varve` command. Plain JavaScript that any Node can parse: Varve needs Node 24, and in a clone the devDependency `node` brings
// it, so an older Node starts that one and passes on arguments, signals and the exit code.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import * as module from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const NODE_MAJOR_MIN = 24

const script = fileURLToPath(import.meta.url)
const root = dirname(dirname(script))

/**
 * A process that was started by the wrapper below dies with it: whoever kills the process that they started means this
 * one too, and a server that stayed behind would hold its ports and its data directory.
 */
const endWithStarter = () => {
  if (process.channel === undefined || process.channel === null) return
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
  process.channel.unref()
}

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  endWithStarter()
  // Parsing and stripping types is most of what starting costs; Node keeps the result in the system's folder for temporary files.
  module.enableCompileCache?.()
  // A clone runs from source. The published package runs what was compiled, because Node strips no types below node_modules.
  const extension = existsSync(join(root, "src/cli/main.ts")) ? "ts" : "js"
  const { main } = await import(`../src/cli/main.${extension}`)
  // Layers are handed in, since src imports none of them, and loaded by the commands that run an engine alone.
  main(() => import(`../layers/index.${extension}`))
} else {
  const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node")
  if (!existsSync(node)) {
    console.error(
      `varve: Node ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}. Install it, or in a clone run: node scripts/install.mjs`
    )
    process.exit(2)
  }
  // The channel tells the child when this process is gone: see `endWithStarter`.
  const child = spawn(node, [...process.execArgv, script, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"]
  })
  // Ctrl-C reaches the whole process group, so the child may see it twice: a second signal while draining must change nothing.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.on(signal, () => child.kill(signal))
  child.on("error", (cause) => {
    console.error(`varve: could not start ${node}: ${cause.message}`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

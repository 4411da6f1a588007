// `npm start`: installs what is missing, then becomes `varve serve` with the arguments given.
//
// The script in package.json says `exec`, so that no shell stands between npm and this process: a shell would keep the signals that npm
// passes on, and turn a clean exit after Ctrl-C into a failure.
import { fileURLToPath } from "node:url"
import "./install.mjs"

// Whoever kills npm, which passes on no SIGKILL, means the server too: left behind it would hold its ports and its data.
if (process.env.npm_lifecycle_event === "start") {
  const npm = process.ppid
  setInterval(() => {
    if (process.ppid !== npm) process.kill(process.pid, "SIGKILL")
  }, 250).unref()
}

process.argv.splice(1, 1, fileURLToPath(new URL("../bin/varve.js", import.meta.url)), "serve")
await import("../bin/varve.js")

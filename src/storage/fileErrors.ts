/** From the operating system's error codes to errors that say what to do. */
import { StorageError, type StorageReason } from "./BlockStorage.ts"

const known: Record<string, { readonly reason: StorageReason; readonly problem: string }> = {
  ENOENT: { reason: "NotFound", problem: "there is no such file or directory" },
  ENOSPC: {
    reason: "StorageFull",
    problem: "no space is left on the device; free some space, writes go on by themselves after that"
  },
  EDQUOT: {
    reason: "StorageFull",
    problem: "the disk quota is used up; free some space or raise the quota, writes go on by themselves after that"
  },
  EACCES: {
    reason: "PermissionDenied",
    problem: "permission denied; give this user read and write access, or choose another --data-dir"
  },
  EPERM: {
    reason: "PermissionDenied",
    problem: "operation not permitted; give this user read and write access, or choose another --data-dir"
  },
  EROFS: {
    reason: "PermissionDenied",
    problem: "the file system is read-only; mount it for writing, or choose another --data-dir"
  },
  ENOTDIR: { reason: "Failed", problem: "a part of the path is a file, not a directory; choose another --data-dir" },
  EEXIST: { reason: "Failed", problem: "a file is in the way; remove it or choose another --data-dir" },
  EISDIR: { reason: "Failed", problem: "there is a directory where a file should be" },
  EMFILE: { reason: "Failed", problem: "this process has too many open files; raise its limit (ulimit -n)" },
  ENFILE: { reason: "Failed", problem: "the system has too many open files; raise fs.file-max" },
  EIO: { reason: "Failed", problem: "the device reports an input/output error; check the disk (dmesg, smartctl)" }
}

/** Turns an error of node:fs into a {@link StorageError}: "cannot open /data/x: permission denied; ...". */
export const fileError = (operation: string, path: string, error: unknown): StorageError => {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ""
  const entry = known[code]
  return new StorageError({
    reason: entry?.reason ?? "Failed",
    path,
    message: entry === undefined
      ? `cannot ${operation} ${path}: ${error instanceof Error ? error.message : String(error)}`
      : `cannot ${operation} ${path}: ${entry.problem} (${code})`
  })
}

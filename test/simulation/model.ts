/**
 * What a simulation knows of an engine from outside: what was asked of it, what it answered, and what must therefore be
 * in its log. Every row carries the number of its attempt, so that any row found says whose it is.
 */
import { assert } from "@effect/vitest"
import type { Position } from "../../src/base/position.ts"
import type { OpenEngine } from "../support/openEngine.ts"

/** A row that an attempt wants to write. */
export interface WantedRow {
  readonly tenant: string
  readonly table: string
  readonly key: string
  readonly isDeletion: boolean
}

/**
 * What is known of an attempt.
 *
 * - `running`: not answered yet.
 * - `acknowledged`: all of its rows are there, as durable as `isDurable` says.
 * - `refused`: nothing of it is there, ever.
 * - `unknown`: all of its rows are there, or none.
 */
export type Knowledge = "running" | "acknowledged" | "refused" | "unknown"

/** Rows of one tenant that were asked for together: all of them or none. */
export interface Attempt {
  readonly number: number
  /** In the order of their positions. */
  readonly rows: ReadonlyArray<WantedRow>
  readonly idempotencyKey: string
  /** Of its only row; -1 = any. */
  readonly expectedVersion: number
  knowledge: Knowledge
  isDurable: boolean
  /** 0 where it is not known. */
  firstPosition: number
  /** The attempt before it in the same stream. */
  readonly after: Attempt | undefined
}

/** A row that was found in an engine. */
interface FoundRow {
  readonly position: number
  readonly attempt: number
  readonly index: number
  readonly place: string
  readonly isDeletion: boolean
  readonly superseded: number
}

const placeOf = ({ key, table, tenant }: WantedRow): string => `${tenant}/${table}/${key}`

/** Every row of every table, in the order of their positions. */
const foundRows = ({ catalog, mvcc }: OpenEngine): ReadonlyArray<FoundRow> => {
  const rows: Array<FoundRow> = []
  for (const { id, name, tenant } of catalog.state().tables.values()) {
    for (const memtable of mvcc.versions(id)?.memtables ?? []) {
      for (let row = 0; row < memtable.count; row++) {
        const { attempt, index } = JSON.parse(Buffer.from(memtable.metadata.get(row)).toString()) as Record<
          string,
          string
        >
        rows.push({
          position: memtable.positions[row],
          attempt: Number(attempt),
          index: Number(index),
          place: `${tenant}/${name}/${Buffer.from(memtable.keys.get(row)).toString()}`,
          isDeletion: memtable.hasDeleted && memtable.deleted[row] === 1,
          superseded: memtable.superseded[row]
        })
      }
    }
  }
  return rows.sort((left, right) => left.position - right.position)
}

export class Model {
  readonly attempts: Array<Attempt> = []
  /** Positions of what changed the catalog, with what was registered there. */
  readonly registrations = new Map<number, string>()
  /** What a reader saw at positions that were durable. */
  readonly observations: Array<{ readonly position: number; readonly place: WantedRow; readonly version: number }> = []
  /** The last position that is known to be durable. */
  durable = 0
  rowsChecked = 0

  begin(
    rows: ReadonlyArray<WantedRow>,
    options: Partial<Pick<Attempt, "idempotencyKey" | "expectedVersion" | "after">> = {}
  ): Attempt {
    const attempt: Attempt = {
      number: this.attempts.length,
      // Rows of one table lie together, tables in the order of their first row.
      rows: [...Map.groupBy(rows, ({ table }) => table).values()].flat(),
      idempotencyKey: options.idempotencyKey ?? "",
      expectedVersion: options.expectedVersion ?? -1,
      after: options.after,
      knowledge: "running",
      isDurable: false,
      firstPosition: 0
    }
    this.attempts.push(attempt)
    return attempt
  }

  acknowledge(attempt: Attempt, firstPosition: number, isDurable: boolean): void {
    if (attempt.firstPosition !== 0 && firstPosition !== 0) {
      assert.strictEqual(
        firstPosition,
        attempt.firstPosition,
        `a retry of attempt ${attempt.number} got another receipt`
      )
    }
    attempt.knowledge = "acknowledged"
    attempt.isDurable ||= isDurable
    if (firstPosition === 0) return
    attempt.firstPosition = firstPosition
    if (isDurable) this.durable = Math.max(this.durable, firstPosition + attempt.rows.length - 1)
  }

  /** Notes what a reader sees, if it can never be lost. */
  observe(opened: OpenEngine, position: number, place: WantedRow): void {
    if (position > opened.wal.durablePosition) return
    this.observations.push({ position, place, version: versionAt(opened, position, place) })
  }

  /**
   * Compares an engine with what is known. After a crash, what was not durable may be missing: `isReopened` says so, and
   * the model learns what is there and what is not.
   */
  check(opened: OpenEngine, isReopened: boolean): void {
    const position = opened.mvcc.position() as number
    const rows = foundRows(opened)
    this.rowsChecked += rows.length
    assert.isTrue(position >= this.durable, `durable positions were lost: ${position} of ${this.durable}`)
    const byAttempt = Map.groupBy(rows, (row) => row.attempt)
    for (const attempt of this.attempts) {
      this.checkAttempt(attempt, byAttempt, position, isReopened)
    }
    this.checkPositions(opened, rows, position, isReopened)
    this.checkVersions(rows)
    for (const { place, position: at, version } of this.observations) {
      assert.strictEqual(versionAt(opened, at, place), version, `another answer at ${at}`)
    }
    if (isReopened) this.durable = position
  }

  private checkAttempt(
    attempt: Attempt,
    all: ReadonlyMap<number, ReadonlyArray<FoundRow>>,
    position: number,
    isReopened: boolean
  ): void {
    const found = all.get(attempt.number) ?? []
    const { after, firstPosition, isDurable, knowledge, rows } = attempt
    const name = `attempt ${attempt.number} (${knowledge}, ${isDurable ? "" : "not "}durable, from ${firstPosition})`
    if (found.length > 0) {
      assert.notStrictEqual(knowledge, "refused", `${name} was refused and is there`)
      const [{ position: first }] = found
      const wanted = rows.map((row, index) => `${index} ${placeOf(row)} ${row.isDeletion} ${first + index}`)
      const there = found.map((row) => `${row.index} ${row.place} ${row.isDeletion} ${row.position}`)
      assert.strictEqual(there.join(), wanted.join(), `${name} is not whole`)
      if (firstPosition !== 0) assert.strictEqual(found[0].position, firstPosition, name)
      // A message of a stream that failed leaves a gap; the order of those that are there is the stream's.
      const before = after === undefined ? [] : all.get(after.number) ?? []
      if (before.length > 0)
        assert.isTrue(before[0].position < found[0].position, `${name} is before the one before it`)
    } else if (knowledge === "acknowledged") {
      assert.isTrue(isReopened && !isDurable, `${name} was acknowledged and is not there, up to ${position}`)
      assert.isTrue(firstPosition === 0 || firstPosition > position, `${name} is missing in the middle`)
    }
    if (!isReopened) return
    // Whatever is found when a log is opened is durable.
    attempt.knowledge = found.length > 0 ? "acknowledged" : "refused"
    attempt.isDurable = found.length > 0
    attempt.firstPosition = found[0]?.position ?? 0
  }

  /** Every position is a row's or a registration's, and no position is two things. */
  private checkPositions(
    { catalog }: OpenEngine,
    rows: ReadonlyArray<FoundRow>,
    position: number,
    isReopened: boolean
  ): void {
    const registered = new Map<number, string>()
    for (const table of catalog.state().tables.values()) {
      for (const { definition, position: at, version } of table.versions) {
        registered.set(at, `${table.tenant}/${table.name} ${version} ${definition}`)
      }
    }
    for (const [at, registration] of this.registrations) {
      // Registrations are always durable.
      assert.strictEqual(registered.get(at), registration, `the registration at ${at}`)
    }
    if (isReopened) { for (const [at, registration] of registered) this.registrations.set(at, registration) }
    const taken = new Set([...rows.map((row) => row.position), ...registered.keys()])
    assert.strictEqual(taken.size, rows.length + registered.size)
    for (let at = 1; at <= position; at++) assert.isTrue(taken.has(at), `nothing is at position ${at} of ${position}`)
  }

  /** Each version ends where the next one of its key begins, and replaced the version that it expected. */
  private checkVersions(rows: ReadonlyArray<FoundRow>): void {
    for (const versions of Map.groupBy(rows, (row) => row.place).values()) {
      versions.forEach((version, i) => {
        assert.strictEqual(version.superseded, versions[i + 1]?.position ?? Number.POSITIVE_INFINITY, version.place)
        const { expectedVersion } = this.attempts[version.attempt]
        if (expectedVersion < 0) return
        const before = versions[i - 1]
        const replaced = before === undefined || before.isDeletion ? 0 : before.position
        assert.strictEqual(replaced, expectedVersion, `${version.place} replaced another version`)
      })
    }
  }
}

/** Position of the version that a reader at a position sees; 0 where it sees none, negative where it is a deletion. */
const versionAt = ({ catalog, mvcc }: OpenEngine, position: number, place: WantedRow): number => {
  const table = catalog.table(place.tenant, place.table)
  const version = table && mvcc.versions(table.id)?.find(Buffer.from(place.key), position as Position)
  if (version === undefined) return 0
  const { memtable, row } = version
  return memtable.hasDeleted && memtable.deleted[row] === 1 ? -memtable.positions[row] : memtable.positions[row]
}

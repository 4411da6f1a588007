/** Names that somebody may have meant. */

/** At most this many names are listed. */
const namesMax = 5

/** The names nearest to a wrong one, nearest first, as `a, b or c`; `nothing` where there is no name at all. */
export const nearestNames = (wrong: string, names: ReadonlyArray<string>): string => {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, namesMax)
    .map(({ name }) => JSON.stringify(name))
  const last = ranked.pop()
  if (last === undefined) return "nothing"
  return ranked.length === 0 ? last : `${ranked.join(", ")} or ${last}`
}

/** How many characters must be added, removed or replaced to make one text from the other. */
const editDistance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[right.length]
}

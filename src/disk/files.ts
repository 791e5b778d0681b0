/**
 * Files, read without following links and written whole or not at all.
 * @module
 */
import { constants } from 'node:fs'
import { lstat, mkdir, open as openFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { demand } from '../core/faults.js'

/** The bytes of a regular file of at most `limit` bytes, undefined where there is none. @throws Fault `bundle/not-regular`, `bundle/wrong-size`. */
export async function readRegular(path: string, limit: number): Promise<Uint8Array | undefined> {
  const stat = await lstat(path).catch(() => undefined)
  if (stat === undefined) return undefined
  demand(stat.isFile(), 'bundle/not-regular', () => basename(path))
  demand(stat.size <= limit, 'bundle/wrong-size', () => basename(path), {
    expected: `at most ${limit}`,
    found: stat.size,
  })
  const file = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const bytes = new Uint8Array(stat.size)
    const { bytesRead } = await file.read(bytes, 0, stat.size, 0)
    demand(bytesRead === stat.size, 'bundle/wrong-size', () => `${basename(path)} changed while it was read`)
    return bytes
  } finally {
    await file.close()
  }
}

/** Writes a new file and flushes it. */
export async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await openFile(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Flushes the names in a folder. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await openFile(folder, 'r')
  await handle.sync().catch(() => undefined)
  await handle.close()
}

/** Writes one file whole or not at all. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = join(dirname(resolve(path)), `.partial-${basename(path)}-${process.pid}`)
  await writeFlushed(partial, bytes)
  await rename(partial, path)
}

/**
 * Writes a new folder, whole or not at all: into one beside it first, which `fill` fills, then renamed. Killed at any moment it leaves at
 * most a folder named .partial-... That nothing stands there is for the caller to see.
 */
export async function writeFolder(folder: string, fill: (partial: string) => Promise<void>): Promise<void> {
  const target = resolve(folder)
  const partial = join(dirname(target), `.partial-${basename(target)}-${process.pid}`)
  try {
    await mkdir(partial, { recursive: true })
    await fill(partial)
    await rename(partial, target)
    await flushFolder(dirname(target))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/**
 * Bundles as folders.
 * @module
 */
import { copyFile, link, lstat, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { demand } from '../core/faults.js'
import type { BundleFiles, BundleReader } from '../receipt/bundle.js'
import { readRegular, writeFlushed, writeFolder } from './files.js'

const FOLDERS = ['objects', 'checkpoints']

/** A reader over a bundle's folder. */
export function bundleReader(folder: string): BundleReader {
  return {
    read: (path, limit) => readRegular(join(folder, path), limit),
    async list() {
      const top = await readdir(folder, { withFileTypes: true })
      for (const entry of top)
        demand(
          entry.isFile() || (entry.isDirectory() && FOLDERS.includes(entry.name)),
          'bundle/not-regular',
          () => entry.name,
        )
      const names = top.filter((entry) => entry.isFile()).map((entry) => entry.name)
      for (const inner of FOLDERS.filter((name) => top.some((entry) => entry.name === name)))
        for (const name of await readdir(join(folder, inner))) names.push(`${inner}/${name}`)
      return names
    },
  }
}

/** Options of {@link writeBundle}. */
export interface WriteOptions {
  /** Files that are there already: path in the bundle -> path on the disk. They are linked, or copied where that cannot be. */
  readonly linked?: ReadonlyMap<string, string>
}

/**
 * Writes a bundle's files as a new folder: into a folder beside it first, flushed to the disk, then renamed. Killed at any
 * moment it leaves the whole bundle or none (and at most a folder named .partial-...).
 * @throws Fault `bundle/exists` where the folder is there already.
 */
export async function writeBundle(
  files: BundleFiles,
  folder: string,
  { linked = new Map() }: WriteOptions = {},
): Promise<void> {
  const target = resolve(folder)
  demand((await lstat(target).catch(() => undefined)) === undefined, 'bundle/exists', () => folder, {
    hint: 'choose another folder',
  })
  await mkdir(dirname(target), { recursive: true })
  await writeFolder(target, async (partial) => {
    await mkdir(join(partial, 'objects'), { recursive: true })
    for (const [path, source] of linked) await linkOrCopy(source, join(partial, path))
    for (const [path, bytes] of files) await writeFlushed(join(partial, path), bytes)
  })
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await link(source, target).catch(() => copyFile(source, target))
}

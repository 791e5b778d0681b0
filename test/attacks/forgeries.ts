/**
 * Every attack of the comparison, made once: a victim trains, a forger trains too and has the victim's final weights.
 * @module
 */
import { largestUpdates } from './baseline.js'
import type { AttackKey } from './expected.js'
import * as Spoofs from './spoofs.js'
import { taskOf, train, type State, type Task, type Transcript } from './run.js'

/** Who takes part. */
export interface Scene {
  /** The forger's job. */
  readonly task: Task
  /** What honest work on it gives. */
  readonly own: Transcript
  /** The victim's honest run of the same program under another seed. */
  readonly victim: Transcript
  readonly stolen: State
  readonly forgeries: Readonly<Record<AttackKey, Transcript>>
}

/** Updates that the verifier recomputes in each epoch, as the forger knows. */
export const TOP = 2

/** All runs and forgeries. Cost: some ten seconds, most of it for adversarial data. */
export async function scene(): Promise<Scene> {
  const task = taskOf({ name: 'forger' })
  const [own, victim] = [await train(task), await train(taskOf({ name: 'victim' }))]
  const stolen = victim.states[victim.states.length - 1]
  return { task, own, victim, stolen, forgeries: await forgeriesOf({ task, own, victim, stolen }) }
}

async function forgeriesOf({ task, own, victim, stolen }: Omit<Scene, 'forgeries'>): Promise<Scene['forgeries']> {
  const theft = { task, stolen }
  const pair = { task, own, other: victim }
  const place = { task, own, at: Spoofs.quietest({ task, own }) }
  const lastEpoch = Spoofs.updatesOf(task) - task.stepsPerEpoch / task.checkpointEvery
  const made = {
    honest: own,
    infinitesimal: Spoofs.infinitesimalUpdate(theft),
    infinitesimalLong: Spoofs.infinitesimalUpdate(theft, { updates: 25 * Spoofs.updatesOf(task) }),
    blindfold: Spoofs.blindfold(theft, { top: TOP }),
    adversarialDataI: Spoofs.adversarialDataI(theft),
    adversarialDataII: Spoofs.adversarialDataII(theft, { iterations: 20 }),
    adversarialDataIII: Spoofs.adversarialDataIII(theft),
    initBreak: Spoofs.initBreak(theft),
    ownStart: Spoofs.ownStart(theft),
    interpolated: Spoofs.interpolated(pair),
    glued: Spoofs.glued(pair),
    hiddenData: unseen({ task, own }, (at) => Spoofs.hiddenData({ task, own, at })),
    hiddenDataLong: Spoofs.hiddenData(place, { batches: 8 }),
    omittedData: Spoofs.omittedData(place),
    repeatedData: Spoofs.repeatedData(place),
    stopped: Spoofs.stopped({ task, own, at: lastEpoch + TOP }),
    chosenOrder: Spoofs.chosenOrder(task),
    teleport: Spoofs.teleport(place, stolen),
    otherProgram: Spoofs.otherProgram(task, task.training(0.99 * task.rate).program),
    lowerPrecision: Spoofs.lowerPrecision(task),
    random: Spoofs.randomForgery(theft),
  } satisfies Record<AttackKey, Transcript | Promise<Transcript>>
  const done = Object.entries<Transcript | Promise<Transcript>>(made).map(async ([key, forged]) => [key, await forged])
  return Object.fromEntries(await Promise.all(done)) as Scene['forgeries']
}

/** A forgery of one update, put where the verifier of large updates does not look. */
async function unseen(
  { task, own }: Pick<Scene, 'task' | 'own'>,
  forge: (at: number) => Promise<Transcript>,
): Promise<Transcript> {
  const first = Spoofs.quietest({ task, own })
  for (const at of [first, ...Array.from({ length: Spoofs.updatesOf(task) }, (_, i) => i)]) {
    const forged = await forge(at)
    if (!largestUpdates(forged, TOP).includes(at)) return forged
  }
  throw new Error('wherever it stands, this update is among the largest of its epoch')
}

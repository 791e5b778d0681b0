/**
 * Every attack of the comparison, made once: a victim trains, a forger trains too and has the victim's final weights.
 * @module
 */
import { largestUpdates } from './baseline.js'
import type { AttackKey } from './expected.js'
import * as Spoofs from './spoofs.js'
import { programAt, taskOf, train } from './run.js'
import type { State, Task, TaskOptions, Transcript } from './run.js'

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

/** A learning rate that moves nothing. */
const TINY = 1e-9

/** Who makes them: a forger, whose jobs differ by steps and learning rate as its forgeries need, and a victim. */
export async function scene(): Promise<Scene> {
  const [task, other] = await Promise.all([taskOf({ name: 'forger' }), taskOf({ name: 'victim' })])
  const [own, victim] = await Promise.all([train(task), train(other)])
  const stolen = victim.states[victim.states.length - 1]
  return { task, own, victim, stolen, forgeries: await forgeriesOf({ task, own, victim, stolen }) }
}

async function forgeriesOf({ task, own, victim, stolen }: Omit<Scene, 'forgeries'>): Promise<Scene['forgeries']> {
  const theft = async (options: TaskOptions) => ({ task: await taskOf({ name: 'forger', ...options }), stolen })
  const pair = { task, own, other: victim }
  const place = { task, own, at: Spoofs.quietest({ task, own }) }
  const lastEpoch = Spoofs.updatesOf(task) - task.stepsPerEpoch / task.checkpointEvery
  const crafted = await theft({ steps: task.stepsPerEpoch })
  const made = {
    honest: own,
    infinitesimal: Spoofs.infinitesimalUpdate(await theft({ rate: TINY })),
    infinitesimalLong: Spoofs.infinitesimalUpdate(await theft({ rate: TINY, steps: 3 * task.steps })),
    blindfold: Spoofs.blindfold(await theft({ steps: 2 * task.steps }), { top: TOP }),
    adversarialDataI: Spoofs.adversarialDataI(crafted),
    adversarialDataII: Spoofs.adversarialDataII(crafted, { iterations: 20 }),
    adversarialDataIII: Spoofs.adversarialDataIII({ task, stolen }),
    initBreak: Spoofs.initBreak(await theft({ rate: TINY })),
    ownStart: Spoofs.ownStart({ task, stolen }),
    interpolated: Spoofs.interpolated(pair),
    glued: Spoofs.glued(pair),
    hiddenData: unseen({ task, own }, (at) => Spoofs.hiddenData({ task, own, at })),
    hiddenDataLong: Spoofs.hiddenData(place, { batches: 8 }),
    omittedData: Spoofs.omittedData(place),
    repeatedData: Spoofs.repeatedData(place),
    stopped: Spoofs.stopped({ task, own, at: lastEpoch + TOP }),
    chosenOrder: Spoofs.chosenOrder(task),
    teleport: Spoofs.teleport(place, stolen),
    otherProgram: Spoofs.otherProgram(task, programAt(0.099)),
    lowerPrecision: Spoofs.lowerPrecision(task),
    random: Spoofs.randomForgery({ task, stolen }),
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

/**
 * Training as programs: gradients, losses, optimizers, adapters.
 *
 * Data flow: model -> program -> with a loss on top -> gradients (reverse) -> optimizer -> training program.
 * @module
 */
export * as Adapters from './adapters.js'
export * as Autodiff from './gradients.js'
export * as Diloco from './diloco.js'
export * as Loss from './losses.js'
export * as Optimizer from './optimizers.js'
export * as LearningRate from './rates.js'
export * as Recipe from './recipe.js'
export * as Training from './training.js'

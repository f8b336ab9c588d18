import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ICell, LabServer } from './server';

/**
 * Holds a training after the epoch that the test has allowed, so that a test catches it half-way on a machine of any
 * speed: nothing waits for time to pass.
 */
export class Gate {
  constructor(
    server: LabServer,
    name: string,
    private readonly epochs: number
  ) {
    this.file = join(server.home, `${name}.gate`);
    this.allow(0);
  }

  private readonly file: string;

  /** Lets the training end this many epochs; all of them when left out. */
  allow(epochs: number = this.epochs): void {
    writeFileSync(this.file, String(epochs));
  }

  /** Python that defines the Keras callback `Gate`. */
  get lines(): string[] {
    return [
      'import pathlib, time',
      'class Gate(keras.callbacks.Callback):',
      '    def on_epoch_end(self, epoch, logs=None):',
      `        while int(pathlib.Path(${JSON.stringify(this.file)}).read_text() or 0) <= epoch:`,
      '            time.sleep(0.05)'
    ];
  }
}

export const LOAD: ICell = { source: '%load_ext jupyterlab_dsp' };

export const DATA: ICell = {
  source: [
    'from sklearn.datasets import load_digits',
    'digits = load_digits()',
    'x = digits.data.astype("float32") / 16.0',
    'y = digits.target'
  ].join('\n')
};

/** An ordinary Keras cell; `top` is a line of magic above it. */
export function kerasCell(options: { top?: string; epochs: number; gate?: Gate; layers?: string[] }): ICell {
  const layers = options.layers ?? ['keras.layers.Dense(units, activation="relu")'];
  return {
    source: [
      ...(options.top ? [options.top] : []),
      'import keras',
      ...(options.gate?.lines ?? []),
      'keras.utils.set_random_seed(7)',
      'model = keras.Sequential([',
      '    keras.Input((64,)),',
      ...layers.map(layer => `    ${layer},`),
      '    keras.layers.Dense(10, activation="softmax"),',
      '])',
      'model.compile(optimizer=keras.optimizers.Adam(lr), loss="sparse_categorical_crossentropy", metrics=["accuracy"])',
      `model.fit(x, y, validation_split=0.2, epochs=${options.epochs}, batch_size=64, verbose=2` +
        `${options.gate ? ', callbacks=[Gate()]' : ''})`
    ].join('\n')
  };
}

// JupyterLab's packages are ES modules: they are compiled like our own sources, and kept in the cache.
const compiledPackages = [
  '@codemirror',
  '@jupyter',
  '@jupyterlab',
  '@lezer',
  '@lumino',
  '@microsoft',
  '@rjsf',
  'lib0',
  'nanoid',
  'exenv-es6',
  'marked',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'yjs'
];

module.exports = {
  testEnvironment: '<rootDir>/jest/environment.cjs',
  roots: ['<rootDir>/src'],
  testMatch: ['**/__tests__/**/*.spec.{ts,tsx}'],
  cacheDirectory: '<rootDir>/.cache/jest',
  transform: {
    '\\.(svg|css)$': '<rootDir>/jest/text.cjs',
    '\\.[jt]sx?$': ['ts-jest', { tsconfig: '<rootDir>/jest/tsconfig.json', diagnostics: false }]
  },
  transformIgnorePatterns: [`/node_modules/(?!(${compiledPackages.join('|')})[/-])`],
  clearMocks: true,
  maxWorkers: 2
};

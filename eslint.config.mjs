import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** The rules of @jupyter/eslint-plugin that look at the code of an extension. */
const jupyterRules = jupyter.configs.recommended.find(part => 'jupyter/token-format' in part.rules).rules;

export default tseslint.config(
  { ignores: ['**/*.gen.ts', '**/test-results/**', '**/playwright-report/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { jupyter, 'react-hooks': hooks },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      ...hooks.configs.recommended.rules,
      ...jupyterRules,
      // we name tokens, commands and plug-ins by design.md: dsp:<area>-<verb>, jupyterlab-dsp:<name>
      'jupyter/command-id-convention': 'off',
      // the whole extension is one small bundle that is itself loaded late
      'jupyter/prefer-lazy-imports': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }]
    }
  },
  {
    files: ['src/**/__tests__/**'],
    languageOptions: { parserOptions: { projectService: false, project: 'jest/tsconfig.json' } },
    rules: Object.fromEntries(Object.keys(jupyterRules).map(name => [name, 'off']))
  },
  {
    files: ['ui-tests/**/*.ts'],
    languageOptions: { parserOptions: { project: 'ui-tests/tsconfig.json' } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      // a Playwright fixture that needs no other is written ({}, use)
      'no-empty-pattern': 'off'
    }
  },
  {
    rules: {
      curly: 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // a namespace of constants is how JupyterLab groups command ids
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }]
    }
  },
  prettier
);

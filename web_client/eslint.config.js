import eslint from '@eslint/js'
import globals from 'globals'
import vue from 'eslint-plugin-vue'
import vueParser from 'vue-eslint-parser'
import tseslint from 'typescript-eslint'

/** Features whose parts may be used by a named other feature; every other pair is forbidden. */
const borrowed = { gathering: ['player', 'room'], studio: ['player', 'room'] }
const features = ['account', 'administration', 'columns', 'diagnose', 'gathering', 'home', 'player', 'record', 'roll', 'room', 'studio']

/** One feature never imports another: shared parts belong to components, composables or stores. */
const featureFences = features.map((feature) => ({
  files: [`src/features/${feature}/**/*.{ts,vue}`],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: features
        .filter((other) => other !== feature && !(borrowed[feature] ?? []).includes(other))
        .map((other) => ({ regex: `(^@/features|\\.\\.)/${other}(/|$)`, message: 'A feature does not import another feature.' })),
    }],
  },
}))

const noFetch = ['fetch', 'XMLHttpRequest', 'EventSource'].map((name) => ({
  name, message: 'Only src/api and src/rtc talk to the server.',
}))

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'src/api/generated/**'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: {
      globals: globals.browser,
      parser: vueParser,
      parserOptions: {
        parser: tseslint.parser,
        project: './tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.vue'],
      },
    },
    rules: {
      'no-undef': 'off', // TypeScript knows better.
      'no-restricted-globals': ['error', ...noFetch],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/unbound-method': 'off', // vue-i18n declares `t` as a method; it is bound.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'vue/multi-word-component-names': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'always' } }],
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/require-default-prop': 'off', // Types already say what may be absent.
      'vue/attributes-order': 'off',
      'vue/no-v-html': 'error',
      'vue/no-static-inline-styles': 'error', // The content security policy forbids inline styles.
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'max-lines': ['error', { max: 600, skipBlankLines: false, skipComments: false }],
    },
  },
  { files: ['src/api/**', 'src/rtc/**', 'tests/**'], rules: { 'no-restricted-globals': 'off' } },
  {
    files: ['src/rtc/**'],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [{ regex: '^(vue|pinia|vue-i18n|vue-router)$|^@/(features|components|stores|app|composables)/', message: 'src/rtc is free of frameworks and features.' }],
      }],
    },
  },
  {
    files: ['src/{api,components,composables,formatting,stores,i18n}/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ regex: '^@/(features|app)/', message: 'Shared parts do not know features.' }] }] },
  },
  ...featureFences,
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  { files: ['eslint.config.js'], languageOptions: { globals: globals.node } },
)

/** Lets typed lint rules see a type for single-file components; vue-tsc uses the real one. */
declare module '*.vue' {
  import type { DefineComponent } from 'vue'
  const component: DefineComponent<Record<string, unknown>, Record<string, unknown>>
  export default component
}

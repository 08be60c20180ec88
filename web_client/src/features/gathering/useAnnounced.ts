/** A number for screen readers: follows at most every ten seconds (counts change too often to be read out). */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

export function useAnnounced<T>(value: Readonly<Ref<T>>, everyMs = 10_000): Readonly<Ref<T>> {
  const announced = ref(value.value) as Ref<T>
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(value, () => {
    timer ??= setTimeout(() => {
      timer = undefined
      announced.value = value.value
    }, everyMs)
  })
  onScopeDispose(() => clearTimeout(timer))
  return announced
}

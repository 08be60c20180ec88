/**
 * A typed event emitter: the only way anything leaves a manager of src/rtc.
 * Nothing here knows what the events mean.
 */
export type Unsubscribe = () => void

export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(payload: never) => void>>()

  /** Call `listener` on each event `name`. @returns a function that stops it. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (payload: Events[Name]) => void,
  ): Unsubscribe {
    const registered = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, registered)
    registered.add(listener)
    return () => {
      registered.delete(listener)
    }
  }

  /** Hand `payload` to the listeners in the order in which they came. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    // A copy: a listener may unsubscribe while it runs.
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      (listener as (payload: Events[Name]) => void)(payload)
    }
  }

  clear(): void {
    this.listeners.clear()
  }
}

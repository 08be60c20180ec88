/**
 * Cameras and microphones of this device, followed as they come and go, and
 * the choice remembered between visits. Opens no device.
 */
import { Emitter } from './Emitter'

export type DeviceKind = 'videoinput' | 'audioinput'

export interface DeviceChoice {
  readonly deviceId: string
  readonly label: string
}

export interface DeviceListEvents {
  change: Record<DeviceKind, readonly DeviceChoice[]>
}

const STORAGE_KEY: Record<DeviceKind, string> = {
  videoinput: 'zhijian.camera',
  audioinput: 'zhijian.microphone',
}

/** The remembered device if it is there, else the first one, else ''. */
export function chooseDevice(devices: readonly DeviceChoice[], remembered: string | null): string {
  const found = devices.find((device) => device.deviceId === remembered)
  return (found ?? devices[0])?.deviceId ?? ''
}

export class DeviceList {
  readonly events = new Emitter<DeviceListEvents>()
  private readonly refreshOnChange = (): void => void this.refresh()

  constructor(
    private readonly devices: Pick<MediaDevices, 'enumerateDevices' | 'addEventListener' | 'removeEventListener'>,
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'>,
  ) {
    devices.addEventListener('devicechange', this.refreshOnChange)
  }

  /** Labels are empty until a capture was allowed once: call it again then. */
  async refresh(): Promise<DeviceListEvents['change']> {
    const all = await this.devices.enumerateDevices()
    const of = (kind: DeviceKind): DeviceChoice[] =>
      all
        .filter((device) => device.kind === kind && device.deviceId !== '')
        .map(({ deviceId, label }) => ({ deviceId, label }))
    const lists = { videoinput: of('videoinput'), audioinput: of('audioinput') }
    this.events.emit('change', lists)
    return lists
  }

  remembered(kind: DeviceKind): string | null {
    return this.storage.getItem(STORAGE_KEY[kind])
  }

  remember(kind: DeviceKind, deviceId: string): void {
    this.storage.setItem(STORAGE_KEY[kind], deviceId)
  }

  close(): void {
    this.devices.removeEventListener('devicechange', this.refreshOnChange)
    this.events.clear()
  }
}

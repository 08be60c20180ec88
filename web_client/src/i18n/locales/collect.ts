/** Texts of one file, nested at will. */
export interface Messages { [key: string]: string | Messages }

/** `./home.json` becomes `{home: …}`. */
export function byFeature(files: Record<string, Messages>): Messages {
  return Object.fromEntries(Object.entries(files).map(([path, texts]) => [path.replace(/^.*\/|\.json$/g, ''), texts]))
}

/** The light build of hls.js ships without types; it is a subset of the full one. */
declare module 'hls.js/light' {
  export { default } from 'hls.js'
}

/** What OBS and ffmpeg are told: addresses and commands as text. Pure. */

/** The gathering's WHIP address as other programs on other machines reach it. */
export const whipAddress = (path: string, origin: string) => new URL(path, origin).href

/** Quoted for a POSIX shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/**
 * ffmpeg ≥ 8: constrained baseline without B-frames (WebRTC has none), a key frame every two seconds, 48 kHz stereo
 * Opus. `key` is left to the environment, so that it stays out of the shell's history.
 */
export const ffmpegCommand = (address: string, file = 'lecture.mp4') =>
  `ffmpeg -re -i ${quoted(file)} -c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p -preset veryfast -tune zerolatency -c:a libopus -ar 48000 -ac 2 -f whip -authorization "$KEY" ${quoted(address)}`

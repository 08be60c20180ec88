import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** Where `zhijian serve` listens while the client is developed with `npm run dev`. */
const server = process.env['ZHIJIAN_DEV_SERVER'] ?? 'http://127.0.0.1:8000'
const proxied = { target: server, changeOrigin: false, ws: true }

export default defineConfig({
  plugins: [vue(), tailwindcss()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The server sends CSP 'self': nothing is inlined as a data: URL and no polyfill script is injected.
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      // A few chunks of a sensible size instead of one for every shared component and icon; hls.js stays lazy.
      output: {
        codeSplitting: {
          groups: [
            { name: 'framework', test: /node_modules[\\/](@vue|@intlify|vue|vue-i18n|vue-router|pinia|openapi-fetch)[\\/]/ },
            { name: 'widgets', test: /node_modules[\\/](?!hls\.js)/ },
            { name: 'shared', test: /src[\\/](api|components|composables|formatting|stores)[\\/]/ },
          ],
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': proxied, '/whip': proxied, '/whep': proxied, '/media': proxied },
  },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://localhost/' } },
    include: ['tests/**/*.test.ts', 'src/**/*.test.ts'],
    restoreMocks: true,
    testTimeout: 20_000,
  },
})

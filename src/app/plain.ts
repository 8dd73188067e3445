export { plain } from '#core/plain.ts'

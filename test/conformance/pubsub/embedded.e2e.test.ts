import { startEmulator } from '#emulator/emulator.ts'
import { pubsubConformance } from './suite.ts'

pubsubConformance('the embedded emulator', () => startEmulator({ port: 0 }), {
  updatesLabels: true,
  refusesEmptyRegions: true,
  detaches: true,
  refusesToListUnknownTopics: true,
  minimumAckDeadline: true,
  maximumExtension: true,
  refusesNegativeMaxMessages: true,
  attributeLimits: true,
  publishSizeLimit: true,
  ackSizeLimit: true,
  flowControl: true,
  noticesCancellation: true,
  delaysFirstRetry: true,
  keepsOrderOnNack: true,
  seeksOrdered: true,
  // Of a key it has one response's worth out at a time, which needs no memory of who holds what.
  pipelinesOrdered: false,
  replaysAckedBehindExpired: true,
})

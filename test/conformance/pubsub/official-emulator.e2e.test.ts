import { test } from 'vitest'
import { startOfficialEmulator } from '../../support/official-emulator.ts'
import { pubsubConformance } from './suite.ts'
import { skippedFor } from '../../support/skip.ts'

const emulator = await startOfficialEmulator()
if (typeof emulator === 'string') {
  test('the official emulator', skippedFor(emulator))
} else {
  pubsubConformance('the official emulator', async () => emulator, {
    updatesLabels: false,
    refusesEmptyRegions: false,
    detaches: false,
    refusesToListUnknownTopics: false,
    minimumAckDeadline: false,
    maximumExtension: false,
    refusesNegativeMaxMessages: false,
    attributeLimits: false,
    publishSizeLimit: false,
    ackSizeLimit: false,
    flowControl: false,
    noticesCancellation: false,
    delaysFirstRetry: false,
    pipelinesOrdered: true,
    keepsOrderOnNack: false,
    replaysAckedBehindExpired: true,
    seeksOrdered: false,
  })
}

import { buildMapping } from './build-mapping.ts'
import { crossFaults } from './cross-checks.ts'
import type { Mapping } from './mapping.ts'
import type { MappingFault, MemberFault, MemberPath, Place } from './mapping-error.ts'
import { MappingError, faultAt } from './mapping-error.ts'
import { mappingFile } from './mapping-schema.ts'
import { readMappingFile } from './mapping-file.ts'
import type { SourceFault } from './read-source.ts'
import { readSource } from './read-source.ts'
import { schemaFaults } from './schema-faults.ts'
import { nearest, placesIn, plainValue } from './source-tree.ts'

export interface ParsedMapping {
  /** As faults name it. */
  readonly fileName: string
  readonly mapping: Mapping
  /** Where a member is, or the nearest one above it that exists. */
  readonly placeOf: (path: MemberPath) => Place
}

/**
 * @param path relative to the working directory
 * @throws MappingError with everything that is wrong with the file
 * @throws ConfigurationError where there is no file to read
 */
export function readMapping(path: string): ParsedMapping {
  return parseMapping(readMappingFile(path), path)
}

/**
 * @param fileName as faults name it; one that ends with .json must be JSON
 * @throws MappingError with everything that is wrong
 */
export function parseMapping(text: string, fileName: string): ParsedMapping {
  return parse(text.replace(byteOrderMark, ''), fileName)
}

const byteOrderMark = /^\u{feff}/u

function parse(text: string, fileName: string): ParsedMapping {
  const place = placesIn(text)
  const source = readSource(text, /\.json$/i.test(fileName) ? 'json' : 'yaml')
  if (!('root' in source)) throw new MappingError(fileName, source.faults.map(atOffset))
  const { root } = source
  const placeOf = (path: MemberPath) => place(nearest(root, path).node.offset)
  const given = plainValue(root)
  const { data, error } = mappingFile.safeParse(given, { reportInput: true })
  const found = [...schemaFaults(error), ...crossFaults(given)].filter(({ path }) => !isFaulty(path))
  const faults = [...source.faults.map(atOffset), ...found.map(atMember)]
  if (faults.length > 0 || data === undefined) throw new MappingError(fileName, faults)
  return { fileName, mapping: buildMapping(data, root), placeOf }

  function atOffset({ offset, ...fault }: SourceFault): MappingFault {
    return faultAt(place(offset), fault)
  }

  function atMember(fault: MemberFault): MappingFault {
    return faultAt(placeOf(fault.path), fault)
  }

  /** What is wrong with it has been said. */
  function isFaulty(path: MemberPath): boolean {
    return nearest(root, path).node.kind === 'faulty'
  }
}

// proto3-json-serializer reads what fits a message and passes over the rest without a word. A request is checked here
// first, as Google's front end does it: unknown names and wrong values are refused, names may be written either way.
// https://protobuf.dev/programming-guides/json/
import type { JSONObject, JSONValue } from 'proto3-json-serializer'
import { fromProto3JSON } from 'proto3-json-serializer'
import type { Field, Type } from 'protobufjs'
import { invalidArgument } from '../broker/status.ts'

/** @throws StatusError that names the field */
export function requestFrom(type: Type, json: JSONObject): object {
  const checked = messageFrom(type, json, '')
  try {
    return fromProto3JSON(type, checked) as object
  } catch (error) {
    throw invalidArgument(`Invalid JSON payload received. ${(error as Error).message}`)
  }
}

/** In messages by this name JSON is not an object of the fields. */
const isWellKnown = (type: Type) => type.fullName.startsWith('.google.protobuf.')

function messageFrom(type: Type, json: JSONValue, at: string): JSONObject {
  if (!isObject(json)) throw wrong(at, 'an object')
  const checked: JSONObject = {}
  for (const [name, value] of Object.entries(json)) {
    const own = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const field = Object.hasOwn(type.fields, own) ? type.fields[own] : undefined
    if (!field)
      throw invalidArgument(
        `Invalid JSON payload received. Unknown name "${name}"${where(at)}: Cannot find field.`,
      )
    // Null means: not set.
    if (value !== null)
      checked[field.name] = fieldFrom(field.resolve(), value, at === '' ? name : `${at}.${name}`)
  }
  return checked
}

function fieldFrom(field: Field, value: JSONValue, at: string): JSONValue {
  if (field.map) {
    if (!isObject(value)) throw wrong(at, 'an object')
    for (const [key, one] of Object.entries(value)) valueFrom(field, one, `${at}.${key}`)
    return value
  }
  if (!field.repeated) return valueFrom(field, value, at)
  if (!Array.isArray(value)) throw wrong(at, 'an array')
  return value.map((one, i) => valueFrom(field, one, `${at}[${i}]`))
}

function valueFrom({ type, resolvedType }: Field, value: JSONValue, at: string): JSONValue {
  if (resolvedType && 'fields' in resolvedType) {
    if (resolvedType.name === 'FieldMask') return maskFrom(value, at)
    return isWellKnown(resolvedType) ? value : messageFrom(resolvedType, value, at)
  }
  const check = checks[type]
  if (check && !check.fits(value)) throw wrong(at, check.what)
  return value
}

/** JSON writes paths as it writes names; the service knows them as the proto files do. */
function maskFrom(value: JSONValue, at: string): JSONValue {
  if (typeof value !== 'string') throw wrong(at, 'a string of field names')
  return value.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

interface Check {
  readonly what: string
  fits(value: JSONValue): boolean
}

const integer: Check = {
  what: 'a whole number',
  fits: (value) => Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value)),
}

const checks: Readonly<Record<string, Check>> = {
  int32: integer,
  int64: integer,
  bool: { what: 'true or false', fits: (value) => typeof value === 'boolean' },
  string: { what: 'a string', fits: (value) => typeof value === 'string' },
  bytes: {
    what: 'base64',
    fits: (value) =>
      typeof value === 'string' &&
      /^[\w+/-]*={0,2}$/.test(value) &&
      value.replace(/=+$/, '').length % 4 !== 1,
  },
}

function isObject(value: JSONValue): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(at: string, expected: string): Error {
  return invalidArgument(`Invalid value${where(at)}: it must be ${expected}.`)
}

const where = (at: string) => (at === '' ? '' : ` at '${at}'`)

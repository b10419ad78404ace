import { join } from 'node:path'

import { loadSync, type ProtobufTypeDefinition } from '@grpc/proto-loader'
import t from 'tap'

import { EXTERNAL_SCALER } from './protocol.ts'

const FILE = join(import.meta.dirname, 'externalscaler.proto')

interface Field {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly typeName: string
  readonly label: string
}

/** The names, numbers and types of the fields of a message. */
function fieldsOf({ type }: ProtobufTypeDefinition): object[] {
  const { name, field, nestedType } = type as {
    name: string
    field: Field[]
    nestedType: { name: string; field: Field[] }[]
  }
  return [{ name, field }, ...nestedType].map(({ name, field }) => ({
    name,
    fields: field.map(({ name, number, type, typeName, label }) => ({ name, number, type, typeName, label })),
  }))
}

t.test('the protocol is that of the .proto file', (t) => {
  const file = loadSync(FILE, { keepCase: true, longs: Number, defaults: true })
  const service = file['externalscaler.ExternalScaler'] as unknown as typeof EXTERNAL_SCALER
  const summary = (definition: typeof EXTERNAL_SCALER) =>
    Object.values(definition).map((method) => {
      const { path, requestStream, responseStream, requestType, responseType } = method as typeof method & {
        requestType: ProtobufTypeDefinition
        responseType: ProtobufTypeDefinition
      }
      return { path, requestStream, responseStream, types: [requestType, responseType].map(fieldsOf) }
    })
  t.same(summary(EXTERNAL_SCALER), summary(service))
  t.equal(summary(service).length, 4)
  const sent = { metricValues: [{ metricName: 'pending', metricValue: 2 ** 40 }] }
  t.match(
    service['GetMetrics']?.responseDeserialize(
      EXTERNAL_SCALER['GetMetrics']?.responseSerialize(sent) ?? Buffer.of(),
    ),
    sent,
  )
  t.end()
})

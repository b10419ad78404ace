/** Valid data for the schemas of real-schemas.test.ts whose packages bring no examples. */
export const cloudEvents: readonly object[] = [
  { specversion: '1.0', id: 'A-1', source: '/shop', type: 'order', data: { total: 1 } },
  {
    specversion: '1.0',
    id: 'A-2',
    source: 'https://shop.example/eu',
    type: 'order',
    subject: 'A-2',
    time: '2026-01-31T12:00:00Z',
    datacontenttype: 'application/octet-stream',
    dataschema: 'https://shop.example/order.json',
    data_base64: 'AAE=',
    traceparent: 'x',
  },
]

const pulse = {
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }], text: 'pulse' },
  subject: { reference: 'Patient/p1' },
  effectiveDateTime: '2026-01-31T12:00:00Z',
  valueQuantity: { value: 61.5, unit: 'per minute', system: 'http://unitsofmeasure.org', code: '/min' },
}
const patient = {
  resourceType: 'Patient',
  id: 'p1',
  meta: { versionId: '1', lastUpdated: '2026-01-31T12:00:00.000Z' },
  active: true,
  name: [{ use: 'official', family: 'Costa', given: ['Andres'], period: { start: '2020' } }],
  telecom: [{ system: 'phone', value: '555 0100', use: 'home', rank: 1 }],
  gender: 'male',
  birthDate: '1980-02-29',
  maritalStatus: { coding: [{ code: 'M' }] },
  contact: [{ name: { text: 'Ann' }, gender: 'female' }],
  extension: [{ url: 'http://a.example/size', valueDecimal: 1.75 }],
}
export const fhirResources: readonly object[] = [
  patient,
  pulse,
  {
    resourceType: 'Bundle',
    type: 'transaction',
    timestamp: '2026-01-31T12:00:00Z',
    total: 2,
    entry: [
      {
        fullUrl: 'urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e',
        resource: patient,
        request: { method: 'PUT', url: 'Patient/p1' },
      },
      { resource: pulse, request: { method: 'POST', url: 'Observation' } },
    ],
  },
  {
    resourceType: 'Questionnaire',
    status: 'active',
    item: [
      {
        linkId: '1',
        type: 'group',
        item: [
          {
            linkId: '1.1',
            text: 'Since when?',
            type: 'date',
            required: true,
            enableWhen: [{ question: '1', operator: 'exists', answerBoolean: true }],
          },
        ],
      },
    ],
  },
]

export const asyncApis: readonly object[] = [
  {
    asyncapi: '3.0.0',
    info: { title: 'Shop', version: '1.0.0', license: { name: 'Apache 2.0' }, tags: [{ name: 'orders' }] },
    defaultContentType: 'application/json',
    servers: { main: { host: 'nats.example:4222', protocol: 'nats', security: [{ type: 'userPassword' }] } },
    channels: {
      orders: {
        address: 'orders.{region}',
        parameters: { region: { enum: ['eu', 'us'], default: 'eu' } },
        messages: {
          order: {
            name: 'order',
            contentType: 'application/json',
            payload: {
              type: 'object',
              properties: { total: { type: 'integer', minimum: 0 } },
              required: ['total'],
            },
            headers: { type: 'object' },
          },
        },
        bindings: { nats: {} },
      },
    },
    operations: {
      take: {
        action: 'receive',
        channel: { $ref: '#/channels/orders' },
        messages: [{ $ref: '#/channels/orders/messages/order' }],
      },
    },
    components: { schemas: { id: { type: 'string', pattern: '^[A-Z]' } } },
  },
]

export const billsOfMaterials: readonly object[] = [
  {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
    version: 1,
    metadata: {
      timestamp: '2026-01-31T12:00:00Z',
      component: { type: 'application', name: 'shop', version: '1.0.0' },
    },
    components: [
      {
        type: 'library',
        'bom-ref': 'pkg:npm/left@1.0.0',
        name: 'left',
        version: '1.0.0',
        scope: 'required',
        purl: 'pkg:npm/left@1.0.0',
        licenses: [{ license: { id: 'Apache-2.0' } }],
        hashes: [{ alg: 'SHA-256', content: 'a'.repeat(64) }],
        externalReferences: [{ type: 'vcs', url: 'https://a.example/left' }],
      },
    ],
    dependencies: [{ ref: 'pkg:npm/left@1.0.0', dependsOn: [] }],
    vulnerabilities: [
      {
        id: 'X-1',
        ratings: [{ severity: 'high', score: 7.5, method: 'CVSSv31' }],
        cwes: [79],
        affects: [{ ref: 'pkg:npm/left@1.0.0' }],
      },
    ],
  },
]

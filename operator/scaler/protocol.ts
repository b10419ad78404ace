import type { handleServerStreamingCall, handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'

/** A ScaledObject, as KEDA names it in each call. */
export interface ScaledObjectRef {
  readonly name: string
  readonly namespace: string
  /** The metadata of its trigger. */
  readonly scalerMetadata: Readonly<Record<string, string>>
}

/** Whether an event needs its first pod. */
export interface IsActiveResponse {
  readonly result: boolean
}

/** The metrics of a ScaledObject, and how much of each a pod is to have. */
export interface GetMetricSpecResponse {
  readonly metricSpecs: readonly { readonly metricName: string; readonly targetSize: number }[]
}

/** A question for one of these metrics. */
export interface GetMetricsRequest {
  readonly scaledObjectRef: ScaledObjectRef | null
  readonly metricName: string
}

/** How much there is of a metric. */
export interface GetMetricsResponse {
  readonly metricValues: readonly { readonly metricName: string; readonly metricValue: number }[]
}

/** The functions of the service, as a server implements them. */
export interface ExternalScaler {
  readonly IsActive: handleUnaryCall<ScaledObjectRef, IsActiveResponse>
  readonly StreamIsActive: handleServerStreamingCall<ScaledObjectRef, IsActiveResponse>
  readonly GetMetricSpec: handleUnaryCall<ScaledObjectRef, GetMetricSpecResponse>
  readonly GetMetrics: handleUnaryCall<GetMetricsRequest, GetMetricsResponse>
}

/** externalscaler.proto as an object, so that no process has to read a file. */
const PROTOCOL = {
  ExternalScaler: {
    methods: {
      IsActive: { requestType: 'ScaledObjectRef', responseType: 'IsActiveResponse' },
      StreamIsActive: {
        requestType: 'ScaledObjectRef',
        responseType: 'IsActiveResponse',
        responseStream: true,
      },
      GetMetricSpec: { requestType: 'ScaledObjectRef', responseType: 'GetMetricSpecResponse' },
      GetMetrics: { requestType: 'GetMetricsRequest', responseType: 'GetMetricsResponse' },
    },
  },
  ScaledObjectRef: {
    fields: {
      name: { type: 'string', id: 1 },
      namespace: { type: 'string', id: 2 },
      scalerMetadata: { keyType: 'string', type: 'string', id: 3 },
    },
  },
  IsActiveResponse: { fields: { result: { type: 'bool', id: 1 } } },
  GetMetricSpecResponse: { fields: { metricSpecs: { rule: 'repeated', type: 'MetricSpec', id: 1 } } },
  MetricSpec: {
    fields: {
      metricName: { type: 'string', id: 1 },
      targetSize: { type: 'int64', id: 2 },
      targetSizeFloat: { type: 'double', id: 3 },
    },
  },
  GetMetricsRequest: {
    fields: {
      scaledObjectRef: { type: 'ScaledObjectRef', id: 1 },
      metricName: { type: 'string', id: 2 },
    },
  },
  GetMetricsResponse: { fields: { metricValues: { rule: 'repeated', type: 'MetricValue', id: 1 } } },
  MetricValue: {
    fields: {
      metricName: { type: 'string', id: 1 },
      metricValue: { type: 'int64', id: 2 },
      metricValueFloat: { type: 'double', id: 3 },
    },
  },
}

const SERVICE = 'externalscaler.ExternalScaler'

/** The service, for servers and clients of gRPC. */
export const EXTERNAL_SCALER = fromJSON(
  { nested: { externalscaler: { nested: PROTOCOL } } } as Parameters<typeof fromJSON>[0],
  { keepCase: true, longs: Number, defaults: true },
)[SERVICE] as ServiceDefinition

import { Json, env, log, parseEvent, reject, retry } from 'jobico'

// Amounts are whole cents, and rates are whole basis points (hundredths of a percent), so that no rounding errors add up.
const WHOLE: i64 = 10000

export function handle(text: string): string | null {
  const order = parseEvent(text).data
  const currency = order.string('currency')
  const taxRate = taxRateOf(order.string('country'))
  const discountRate = order.has('discountPercent') ? order.integer('discountPercent') * 100 : 0

  const lines = pricedLines(order.array('lines'))
  const subtotal = sum(lines)
  const discount = part(subtotal, discountRate)
  const tax = part(subtotal - discount, taxRate)
  const total = subtotal - discount + tax

  const limit = orderLimit()
  if (total > limit) {
    return reject(`The total of ${money(total, currency)} is over the limit of ${money(limit, currency)}`)
  }
  log.info(`Priced order ${order.string('orderId')}: ${money(total, currency)}`)
  return Json.object()
    .set('orderId', order.string('orderId'))
    .set('currency', currency)
    .set('lines', lines)
    .set('subtotal', subtotal)
    .set('discount', discount)
    .set('tax', tax)
    .set('total', total)
    .toString()
}

function pricedLines(items: Json[]): Json[] {
  const skus = new Set<string>()
  const lines: Json[] = []
  for (let i = 0; i < items.length; i++) {
    const sku = items[i].string('sku')
    if (skus.has(sku)) reject(`${sku} is there twice: make one line of it`)
    skus.add(sku)
    const amount = items[i].integer('quantity') * items[i].integer('unitPrice')
    lines.push(Json.object().set('sku', sku).set('amount', amount))
  }
  return lines
}

function sum(lines: Json[]): i64 {
  return lines.reduce<i64>((total, line) => total + line.integer('amount'), 0)
}

/** The part of an amount at a rate; rounds half a cent up. */
function part(amount: i64, rate: i64): i64 {
  return (amount * rate + WHOLE / 2) / WHOLE
}

/** The tax rate of a country, from TAX_PERCENT in the Job's env, such as "CH=8.1,DE=19". */
function taxRateOf(country: string): i64 {
  const rates = env('TAX_PERCENT')
  if (rates === null) return retry<i64>(60, 'TAX_PERCENT is not set: add it to the env of the Job')
  const entries = rates.split(',')
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i].split('=')
    if (entry[0] == country) return <i64>Math.round(parseFloat(entry[1]) * 100)
  }
  return reject<i64>(`No tax rate is known for ${country}: TAX_PERCENT has ${rates}`)
}

/** The highest total in cents, from ORDER_LIMIT in the Job's env; without it there is no limit. */
function orderLimit(): i64 {
  const limit = env('ORDER_LIMIT')
  return limit === null ? i64.MAX_VALUE : I64.parseInt(limit)
}

function money(cents: i64, currency: string): string {
  return `${cents / 100}.${(cents % 100).toString().padStart(2, '0')} ${currency}`
}

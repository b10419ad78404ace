// Decodes the text as the type that its first line names, and encodes it again, so that tests can check the result.
import { Json, decode, emit, encode, parseEvent } from 'jobico'

enum Size {
  small,
  large = 7,
}

@json
class Item {
  sku: string
  quantity: i32
}

@json
class Order {
  readonly id: string
  items: Item[]
  note: string | null
  @key('unit-price') price: f64 = 1.5
  size: Size = Size.large
  extra: Json = Json.NULL
  static count: i32 = 0
  private seen: string = 'yes'

  get label(): string {
    return `${this.id} ${this.seen}`
  }
}

@json
class Made {
  constructor(
    public name: string,
    readonly count: i32 = 3,
  ) {}
}

@json
class Animal {
  name: string
}

@json
class Dog extends Animal {
  age: u8
}

@json
class Page<T> {
  items: T[]
  next: T | null
}

@json
class Tree {
  value: i32
  children: Tree[] = []
}

@json
class Numbers {
  i8: i8
  u8: u8
  i16: i16
  u16: u16
  i32: i32
  u32: u32
  i64: i64
  u64: u64
  f32: f32
  f64: f64
  flag: bool
}

@json
class Empty {}

@json
class Escaped {
  @key('a/b~c "😀"') odd: string
  @key('') empty: i32 = 0
}

function again<T>(text: string): string {
  return encode<T>(decode<T>(text))
}

export function handle(text: string): string | null {
  const end = text.indexOf('\n')
  const type = text.substring(0, end)
  const rest = text.substring(end + 1)
  if (type == 'Order') return again<Order>(rest)
  if (type == 'label') return Json.of(decode<Order>(rest).label).toString()
  if (type == 'Made') return again<Made>(rest)
  if (type == 'new Made') return encode(new Made(rest))
  if (type == 'Dog') return again<Dog>(rest)
  if (type == 'Animal of Dog') return encode<Animal>(decode<Dog>(rest))
  if (type == 'Page<Item>') return again<Page<Item>>(rest)
  if (type == 'Tree') return again<Tree>(rest)
  if (type == 'Numbers') return again<Numbers>(rest)
  if (type == 'Empty') return again<Empty>(rest)
  if (type == 'Escaped') return again<Escaped>(rest)
  return plain(type, rest)
}

function plain(type: string, text: string): string | null {
  if (type == 'string') return again<string>(text)
  if (type == 'string | null') return again<string | null>(text)
  if (type == 'i64') return again<i64>(text)
  if (type == 'u64') return again<u64>(text)
  if (type == 'f64') return again<f64>(text)
  if (type == 'f32') return again<f32>(text)
  if (type == 'bool') return again<bool>(text)
  if (type == 'Json') return again<Json>(text)
  if (type == 'i32[][]') return again<i32[][]>(text)
  if (type == '(string | null)[]') return again<(string | null)[]>(text)
  if (type == 'Item[]') return again<Item[]>(text)
  if (type == 'Json.of') return Json.object().set('item', decode<Item>(text)).toString()
  if (type == 'emit') emit('next', decode<Item>(text))
  if (type == 'event') return encode(parseEvent(text).decode<Item>())
  if (type == 'ring') return ring()
  if (type == 'many') return many(I32.parseInt(text))
  return null
}

function ring(): string {
  const tree = new Tree()
  tree.children.push(tree)
  return encode(tree)
}

/** Decodes so much that the garbage collector has to run, and checks that the values which are kept stay intact. */
function many(count: i32): string {
  const orders: Order[] = []
  for (let i = 0; i < count; i++) {
    const order = decode<Order>(`{"id":"id-${i}","items":[{"sku":"sku-${i}","quantity":${i}}]}`)
    if (i % 100 == 0) orders.push(order)
  }
  for (let i = 0; i < orders.length; i++) {
    if (orders[i].items[0].sku != `sku-${i * 100}` || orders[i].label != `id-${i * 100} yes`) return 'false'
  }
  return 'true'
}

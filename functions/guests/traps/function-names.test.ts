import t from 'tap'
import { demangle } from './demangle.ts'
import { functionName } from './function-names.ts'

const demangled: Readonly<Record<string, string>> = {
  price: 'price',
  'assembly/order/Order#get:total': 'assembly/order/Order#get:total',
  _ZN5order5price17h0123456789abcdefE: 'order::price',
  _ZN4core9panicking9panic_fmt17h0123456789abcdefE: 'core::panicking::panic_fmt',
  '_ZN45_$LT$order..Cart$u20$as$u20$order..Priced$GT$5total17h0123456789abcdefE':
    '<order::Cart as order::Priced>::total',
  '_ZN4core3ptr46drop_in_place$LT$alloc..vec..Vec$LT$u8$GT$$GT$17h0123456789abcdefE':
    'core::ptr::drop_in_place<alloc::vec::Vec<u8>>',
  _ZN1a8gr$uf6$e17h0123456789abcdefE: 'a::gröe',
  '_ZN5order5price17h0123456789abcdefE.llvm.123': 'order::price',
  _ZN5order5priceEi: 'order::price',
  _RNvCs4fqI2P2rA04_5order5price: 'order::price',
  _RNvNtCs4fqI2P2rA04_5order3vat5price: 'order::vat::price',
  _RNvMCs4fqI2P2rA04_5orderNtB2_4Cart5total: '<order::Cart>::total',
  _RNvXs_Cs4fqI2P2rA04_5orderNtB4_4CartNtB4_6Priced5total: '<order::Cart as order::Priced>::total',
  _RNCNvCs4fqI2P2rA04_5order5price0B3_: 'order::price::{closure}',
  _RINvCs4fqI2P2rA04_5order5pricehKj2_B2_E: 'order::price',
  _RNvXCs4fqI2P2rA04_5orderRSNtB2_4CartNtB2_6Priced5total: '<&[order::Cart] as order::Priced>::total',
}

t.test('names of Rust and C++', (t) => {
  for (const [name, want] of Object.entries(demangled)) {
    t.equal(demangle(name), want, name)
  }
  t.end()
})

t.test('names that are no better than they look stay as they are', (t) => {
  const names = [
    '_ZN',
    '_ZNE',
    '_ZN5orde',
    '_ZN99999999999999999999xE',
    '_ZN3abcx',
    '_R',
    '_RB_',
    '_RNvB_5price',
    '_RNvCs4fqI2P2rA04_9999price',
    '_RNvCs4fqI2P2rA04_5order',
    `_R${'N'.repeat(1_900)}`,
    `_RI${'NvB_'.repeat(400)}`,
    `_ZN${'1a'.repeat(4_000)}E`,
  ]
  for (const name of names) t.equal(demangle(name), name)
  t.match(demangle('_ZN3a$uffffff$b17h0123456789abcdefE'), /^_ZN/)
  t.end()
})

const named = [
  { name: undefined, want: { shown: 'function 7', library: false } },
  { name: '', want: { shown: 'function 7', library: false } },
  { name: 'assembly/order/price', want: { shown: 'price', library: false } },
  { name: 'assembly/order/Order#total', want: { shown: 'Order#total', library: false } },
  { name: 'start:assembly/order', want: { shown: 'start:order', library: false } },
  { name: 'assembly/a/Box<assembly/b/Line>#open', want: { shown: 'Box<Line>#open', library: false } },
  { name: '~lib/array/Array<i32>#push', want: { shown: '~lib/array/Array<i32>#push', library: true } },
  { name: 'export:assembly/order/handle', want: { library: true } },
  { name: '~lib/rt/tlsf/allocateBlock', want: { library: true, allocates: true } },
  { name: '~lib/array/Array<i32>#push', want: { allocates: false } },
  { name: '__rust_start_panic', want: { library: true } },
  { name: '_RNvCsabc_7___rustc18___rust_start_panic', want: { library: true } },
  { name: '_RNvNtCsd_4core9panicking5panic', want: { shown: 'core::panicking::panic', library: true } },
  { name: '_RNvNtCsd_5score9panicking5panic', want: { library: false } },
  { name: '_RNvNtCsd_5alloc5alloc18handle_alloc_error', want: { library: true, allocates: true } },
  { name: 'runtime.runtimePanic', want: { library: true } },
  { name: 'main.event', want: { shown: 'main.event', library: false } },
  { name: 'dlmalloc', want: { library: true } },
  { name: 'malloc_lines', want: { library: false } },
  { name: 'abort', want: { library: true } },
  { name: '__assert_fail', want: { library: true } },
  { name: '__original_main', want: { library: true } },
  { name: 'a\u0000b\nc', want: { shown: 'a\ufffdb\ufffdc' } },
  { name: 'x'.repeat(3_000), want: { shown: `${'x'.repeat(79)}…` } },
]

t.test('what functions are called, and whose they are', (t) => {
  for (const { name, want } of named) t.match(functionName(name, 7), want, JSON.stringify(name?.slice(0, 40)))
  t.end()
})

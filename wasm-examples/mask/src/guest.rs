//! The ABI `jobico`: what the host calls, and what it offers. Takes the place of an SDK; copy it as it is.

use std::alloc::{alloc, dealloc, Layout};
use std::{panic, ptr, slice, str};

/// How grave a line of the log is.
#[allow(dead_code)]
#[repr(u32)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
    Panic,
}

/// Why there is no result.
pub struct Failure {
    error: u64,
    reason: String,
}

#[allow(dead_code)]
impl Failure {
    /// The event becomes a dead letter at once.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self {
            error: 422,
            reason: reason.into(),
        } // as 400 to 499
    }

    /// The event is run again later, until its attempts are spent.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self {
            error: 503,
            reason: reason.into(),
        } // as any other number but 0
    }
}

/// Where the host finds the answer.
#[repr(C)]
pub struct Answer {
    error: u64,
    text: u64,
}

#[link(wasm_import_module = "env")]
extern "C" {
    #[link_name = "log"]
    fn host_log(level: u32, text: *const u8, length: usize);
}

/// Writes a line to the log of the runner.
pub fn log(level: Level, line: &str) {
    unsafe { host_log(level as u32, line.as_ptr(), line.len()) }
}

/// 1: `free` takes the size as well.
#[no_mangle]
pub extern "C" fn ver() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn init() {
    // A panic ends in a trap, which has no message.
    panic::set_hook(Box::new(|info| log(Level::Panic, &info.to_string())));
}

/// Memory for `size` bytes; null where there is none.
#[no_mangle]
pub extern "C" fn malloc(size: usize) -> *mut u8 {
    layout(size).map_or(ptr::null_mut(), |layout| unsafe { alloc(layout) })
}

/// # Safety
/// `pointer` is what `malloc(size)` gave.
#[no_mangle]
pub unsafe extern "C" fn free(pointer: *mut u8, size: usize) {
    if let Some(layout) = layout(size) {
        dealloc(pointer, layout);
    }
}

// Aligned for an Answer. No bytes would have no address.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), 8).ok()
}

/// # Safety
/// `answer` and `data` are what `malloc` gave for an Answer and for `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn event(answer: *mut Answer, data: *const u8, length: usize) {
    let outcome = match str::from_utf8(slice::from_raw_parts(data, length)) {
        Ok(text) => crate::handle(text),
        Err(_) => Err(Failure::reject("the data is not UTF-8")),
    };
    let (error, text) = match outcome {
        Ok(result) => (0, result),
        Err(Failure { error, reason }) => (error, reason),
    };
    answer.write(Answer {
        error,
        text: handed_over(&text),
    });
}

/// A copy of the text that the host may free: its address in the upper half, its length in the lower.
fn handed_over(text: &str) -> u64 {
    let copy = malloc(text.len());
    assert!(
        !copy.is_null(),
        "no memory for an answer of {} bytes",
        text.len()
    );
    unsafe { copy.copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    (copy as u64) << 32 | text.len() as u64
}

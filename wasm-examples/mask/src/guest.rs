//! The ABI `jobico`: the functions that the host calls, and the one that it offers. Replaces an SDK; copy it as it is.

use std::alloc::{alloc, dealloc, Layout};
use std::{panic, ptr, slice, str};

/// The level of a log line.
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

/// The answer to the host.
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

/// Version 1: `free` gets the size, too.
#[no_mangle]
pub extern "C" fn ver() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn init() {
    // Logs the message of a panic: the trap that follows has none.
    panic::set_hook(Box::new(|info| log(Level::Panic, &info.to_string())));
}

/// Allocates `size` bytes; null if there is no memory.
#[no_mangle]
pub extern "C" fn malloc(size: usize) -> *mut u8 {
    layout(size).map_or(ptr::null_mut(), |layout| unsafe { alloc(layout) })
}

/// # Safety
/// `pointer` was returned by `malloc(size)`.
#[no_mangle]
pub unsafe extern "C" fn free(pointer: *mut u8, size: usize) {
    if let Some(layout) = layout(size) {
        dealloc(pointer, layout);
    }
}

// Aligned for an Answer. At least 1 byte, since 0 bytes would have no address.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), 8).ok()
}

/// # Safety
/// `malloc` returned `answer` for an Answer, and `data` for `length` bytes.
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

/// Copies the text, so that the host may free it. Returns the address in the upper half, and the length in the lower.
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

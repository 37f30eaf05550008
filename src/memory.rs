//! The program's allocator: the system's, with every byte counted for the memory budget around templates.
//!
//! Only `main.rs` uses it, so tests and users of the library keep their own. When a template crosses its budget, the
//! program ends with a message and exit code 1: no signal, and nothing has been written, because the sink comes last.
#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by its signature; each call is handed on to the system's as it came"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;

use lakegen::lower::templates::budget;

/// The system's allocator, counted.
pub struct Counting;

// SAFETY: every call goes to `System` with the arguments it came with; counting touches two atomics and no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match size.checked_sub(layout.size()) {
            Some(more) => count(more),
            None => budget::give_back(layout.size() - size),
        }
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        budget::give_back(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Counts bytes about to be taken, and ends the program before they are when the budget does not allow them.
fn count(bytes: usize) {
    if !budget::take(bytes) {
        over();
    }
}

#[cold]
fn over() -> ! {
    // This lifts the limit first, so the message itself may allocate.
    let message = budget::crossed();
    let _ = std::io::stderr().write_all(message.as_bytes());
    std::process::exit(1)
}

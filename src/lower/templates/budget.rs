//! The memory budget around templates.
//!
//! Fuel counts instructions, not work: three doublings of a long string are a handful of instructions and gigabytes of
//! memory. So the program's allocator (`main.rs`) counts live bytes, and while a template runs it ends the program with
//! a message and exit code 1 before the budget is crossed. Nothing has been written at that time: the sink comes last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be in use beyond what was in use before, while one template runs (reliability.md §4).
pub const BYTES: usize = 768 << 20;

static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static NAME: Mutex<String> = Mutex::new(String::new());

/// Lifts the limit again when dropped.
pub struct Budget(());

impl Drop for Budget {
    fn drop(&mut self) {
        LIMIT.store(usize::MAX, Ordering::Relaxed);
    }
}

/// Limits memory until the result is dropped; `template` is named when the limit is crossed.
pub fn limit(template: &str) -> Budget {
    if let Ok(mut name) = NAME.lock()
        && *name != template
    {
        name.clear();
        name.push_str(template);
    }
    LIMIT.store(IN_USE.load(Ordering::Relaxed).saturating_add(BYTES), Ordering::Relaxed);
    Budget(())
}

/// Counts an allocation; says whether it stays within the limit.
pub fn take(bytes: usize) -> bool {
    let before = IN_USE.fetch_add(bytes, Ordering::Relaxed);
    before.saturating_add(bytes) <= LIMIT.load(Ordering::Relaxed)
}

/// Counts a deallocation.
pub fn give_back(bytes: usize) {
    IN_USE.fetch_sub(bytes, Ordering::Relaxed);
}

/// Lifts the limit and returns the message for the template that crossed it.
pub fn crossed() -> String {
    LIMIT.store(usize::MAX, Ordering::Relaxed);
    let name = NAME.try_lock().map(|name| name.clone()).unwrap_or_default();
    format!("error[template-limit]: template `{name}` needs more than {} MiB of memory\n", BYTES >> 20)
}

//! How a test ends: it comes to its end, or it skips itself, or it fails, with the place and the text. The behaviour tests and
//! those of VMs have this in common.

use libtest_mimic::{Completion, Failed};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

/// Why an escape cannot be shown here.
#[allow(dead_code, reason = "not all who include this know of escapes")]
pub const NOTHING_OF_THE_KIND: &str = "this kernel has nothing of the kind";

/// What `skip` unwinds with.
struct Skip(String);

thread_local! {
    static FAILED_AT: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keeps a panic's place for the report of failures, instead of printing it among the running tests.
pub fn remember_where_a_test_fails() {
    panic::set_hook(Box::new(|info| FAILED_AT.set(info.location().map(ToString::to_string))));
}

/// Ends a test that cannot be run here.
pub fn skip(reason: &str) -> ! {
    panic::resume_unwind(Box::new(Skip(reason.to_string())))
}

/// Runs a test.
pub fn outcome_of(body: impl FnOnce()) -> Result<Completion, Failed> {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(body)) else { return Ok(Completion::Completed) };
    if let Some(Skip(reason)) = payload.downcast_ref() {
        return Ok(Completion::ignored_with(reason));
    }
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
    Err(format!("at {}\n{text}", FAILED_AT.take().unwrap_or_default()).into())
}

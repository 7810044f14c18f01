//! Stage language, part two: every exported function, in the order of the header. Each is a leaf
//! (none calls another: a host's own `auth_verify` must never be reached from here), keeps its
//! panics, and checks every pointer. The doc comments are the header's.

mod config;
mod judge;
mod keys;
mod texts;

pub use config::*;
pub use judge::*;
pub use keys::*;
pub use texts::*;

#[cfg(feature = "test-panic")]
pub use crate::call::PANIC;

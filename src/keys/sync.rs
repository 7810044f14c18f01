//! The lock, the condition variable and the threads of driver.rs. Behind one door, so that a test
//! can choose every schedule (tests/schedules.rs).

#[cfg(not(feature = "test-schedules"))]
pub use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(feature = "test-schedules")]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard};

/// Starts a thread that nobody joins: a forked child would hold a handle to a thread that it has
/// not. False where none can be had.
#[cfg(not(feature = "test-schedules"))]
pub fn spawn(body: impl FnOnce() + Send + 'static) -> bool {
    crate::os::spawn_quiet("libauth-keys", body).is_ok()
}

#[cfg(feature = "test-schedules")]
pub fn spawn(body: impl FnOnce() + Send + 'static) -> bool {
    shuttle::thread::spawn(body);
    true
}

//! What is asked of the operating system beside the network: clocks, the fork generation, a thread
//! whose signals are blocked, and whose rights the process has.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

/// Wall clock, whole seconds since 1970.
pub fn wall_s() -> i64 {
    // The coarse clock is behind by a few milliseconds and takes a quarter of the time.
    let seconds = clock(&[libc::CLOCK_REALTIME_COARSE, libc::CLOCK_REALTIME]).tv_sec;
    // A clock before 1970 tells nothing: late, so that every token has expired.
    if seconds < 0 { i64::MAX } else { seconds }
}

/// A clock that never steps back and goes on in suspend (CLOCK_MONOTONIC stands still there, and
/// old keys would look fresh), in milliseconds.
pub fn boot_ms() -> u64 {
    let time = clock(&[libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC]);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let milliseconds = u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000;
    seconds.saturating_mul(1_000).saturating_add(milliseconds)
}

/// The first of these clocks that the system has.
fn clock(clocks: &[libc::clockid_t]) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: -1, tv_nsec: 0 };
    for clock in clocks {
        // SAFETY: the pointer is to a live timespec that the call fills.
        if unsafe { libc::clock_gettime(*clock, &raw mut time) } == 0 {
            break;
        }
    }
    time
}

static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Another number in the child of each fork: locks and threads of an older generation are gone.
pub fn fork_generation() -> u32 {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // No lock: a fork may come in between. To be registered twice only makes it count faster.
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: count_fork is async-signal-safe, the library is never unmapped (-z nodelete).
        unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
        REGISTERED.store(true, Ordering::Release);
    }
    FORKS.load(Ordering::Relaxed)
}

/// Starts a thread on which no signal is ever delivered: the host's handlers run on the host's
/// threads.
pub fn spawn_quiet(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset fills `all`, pthread_sigmask fills `old`; both outlive the calls. A new
    // thread inherits the mask; the caller gets its own back whether the spawn worked or not.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
    }
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    // SAFETY: `old` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), std::ptr::null_mut()) };
    thread
}

/// A variable of the environment, also where it is not UTF-8. None in a program that runs with more
/// rights than its caller: there it is a stranger's.
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|_| !is_privileged())?;
    Some(value.to_string_lossy().into_owned())
}

/// The program runs with more rights than its caller (AT_SECURE): the environment is the caller's.
pub fn is_privileged() -> bool {
    // SAFETY: getauxval only reads.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whose files the process makes, and may change.
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid only reads and cannot fail.
    unsafe { libc::geteuid() }
}

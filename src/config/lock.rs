//! A lock that a forked child never finds held: the threads that could let go of it stayed behind.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::os;

pub struct ForkLock(ArcSwap<(u32, Mutex<()>)>);

impl Default for ForkLock {
    fn default() -> ForkLock {
        ForkLock(ArcSwap::from_pointee((os::fork_generation(), Mutex::new(()))))
    }
}

impl ForkLock {
    /// Runs the body while no other thread of this process runs one.
    pub fn hold<T>(&self, body: impl FnOnce() -> T) -> T {
        let mut lock = self.0.load_full();
        let generation = os::fork_generation();
        if lock.0 != generation {
            self.0.compare_and_swap(&lock, Arc::new((generation, Mutex::new(()))));
            lock = self.0.load_full();
        }
        let _held = lock.1.lock().unwrap_or_else(PoisonError::into_inner);
        body()
    }
}

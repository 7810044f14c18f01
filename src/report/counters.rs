//! Decisions by issuer and status. Striped: with one counter that all threads share, two threads
//! pay twice as much for a count.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use once_cell::race::OnceBox;

use crate::status::{STATUSES, Status};

const STRIPES: usize = 8;

/// One thread's counters, one a status, in the order of STATUSES. No two stripes share a cache
/// line, nor a pair of lines, which processors fetch together.
#[repr(align(128))]
struct Stripe([AtomicU64; STATUSES.len()]);

type Block = [Stripe; STRIPES];

// What an issuer costs once it was seen.
const _: () = assert!(size_of::<Block>() <= 8 * 1024);

/// The first block counts what has no issuer.
pub struct Counters {
    blocks: Box<[OnceBox<Block>]>,
}

impl Counters {
    pub fn new(issuers: usize) -> Counters {
        Counters { blocks: (0..=issuers).map(|_| OnceBox::new()).collect() }
    }

    /// `issuer` counts from 0; one that is not there is counted as none.
    pub fn count(&self, issuer: Option<usize>, status: Status) {
        let place = issuer.map_or(0, |issuer| issuer.saturating_add(1));
        let Some(block) = self.blocks.get(place).or(self.blocks.first()) else { return };
        let stripe = block.get_or_init(new_block).get(stripe_of_this_thread());
        if let Some(counter) = stripe.and_then(|stripe| stripe.0.get(place_of(status))) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those that are not zero: first without an issuer, then by issuer, in the order of STATUSES.
    pub fn totals(&self) -> Vec<(Option<usize>, Status, u64)> {
        let mut totals = Vec::new();
        for (place, block) in self.blocks.iter().enumerate() {
            let Some(block) = block.get() else { continue };
            for (column, status) in STATUSES.iter().enumerate() {
                let counters = block.iter().filter_map(|stripe| stripe.0.get(column));
                let count: u64 = counters.map(|counter| counter.load(Ordering::Relaxed)).sum();
                if count != 0 {
                    totals.push((place.checked_sub(1), *status, count));
                }
            }
        }
        totals
    }
}

fn new_block() -> Box<Block> {
    Box::new([const { Stripe([const { AtomicU64::new(0) }; STATUSES.len()]) }; STRIPES])
}

/// Threads take turns, in the order in which they first count.
fn stripe_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const UNKNOWN: usize = usize::MAX;
    thread_local!(static STRIPE: Cell<usize> = const { Cell::new(UNKNOWN) });
    STRIPE.with(|stripe| {
        if stripe.get() == UNKNOWN {
            stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        stripe.get()
    })
}

// ---------------------------------------------------------------- places

const STAGES: usize = 8;
const STAGE_STATUSES: usize = 100;

/// Where each status stands in STATUSES: one look-up instead of a search.
// Computed by the compiler, which stops at a wrong index.
#[allow(clippy::indexing_slicing)]
static PLACES: [u8; STAGES * STAGE_STATUSES] = {
    let mut places = [u8::MAX; STAGES * STAGE_STATUSES];
    let mut place = 0;
    while place < STATUSES.len() {
        let slot = slot(STATUSES[place]);
        assert!(places[slot] == u8::MAX, "two statuses in one slot");
        places[slot] = place as u8;
        place += 1;
    }
    places
};

/// The thousands of a number are the stage; what is below stays under 100.
const fn slot(status: Status) -> usize {
    let number = status as usize;
    (number / 1000).wrapping_mul(STAGE_STATUSES).wrapping_add(number % 1000)
}

fn place_of(status: Status) -> usize {
    PLACES.get(slot(status)).map_or(usize::MAX, |place| usize::from(*place))
}

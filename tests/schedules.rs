//! The driver under schedules that a scheduler chooses: no caller waits for ever, one flight at a
//! time, everybody is answered. A timed wait never times out here: what would only be saved by its
//! time limit is a deadlock, and fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use auth::keys::cache::{Reads, Rules};
use auth::keys::driver::{Driver, Ready, Search, Setup, Waiting};
use auth::keys::fetch::Stop;
use auth::keys::jwks::{KeySet, Wanted};
use auth::keys::source::{Failure, Fetched, HeldSet, Source};
use auth::report::Events;
use auth::signature::Algorithm;
use shuttle::thread;

/// Small, so that whole runs are explored thousands of times.
const CALLERS: usize = 3;
const RUNS: usize = 2_000;

/// What a provider is and was asked.
#[derive(Default)]
struct World {
    fetches: AtomicU64,
    under_way: AtomicU64,
    rotated: AtomicBool,
    /// So many fetches fail.
    failures: AtomicU64,
    defect: AtomicBool,
}

struct Provider(Arc<World>);

fn set_of(kid: &str) -> KeySet {
    const KEY: &str = r#""kty":"OKP","crv":"Ed25519","alg":"EdDSA",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    KeySet::parse(format!(r#"{{"keys":[{{"kid":"{kid}",{KEY}}}]}}"#).as_bytes()).unwrap()
}

impl Source for Provider {
    fn fetch(&self, _: Reads, _: Option<&HeldSet>, _: u64, _: &Stop) -> Result<Fetched, Failure> {
        let world = &self.0;
        assert_eq!(world.under_way.fetch_add(1, Ordering::SeqCst), 0, "two flights at once");
        world.fetches.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        let set = set_of(if world.rotated.load(Ordering::SeqCst) { "new" } else { "old" });
        thread::yield_now();
        world.under_way.fetch_sub(1, Ordering::SeqCst);
        assert!(!world.defect.swap(false, Ordering::SeqCst), "asked for by a test");
        let less = |left: u64| left.checked_sub(1);
        if world.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            return Err(Failure::unavailable("down"));
        }
        Ok(Fetched { set: Some(set), ..Fetched::default() })
    }

    fn name(&self) -> String {
        "a test".into()
    }
}

fn driver(world: &Arc<World>) -> Arc<Driver> {
    let setup = Setup {
        issuer: "https://id.example".into(),
        source: Box::new(Provider(world.clone())),
        rules: Rules { ttl_ms: 600_000, stale_ms: 600_000, cooldown_ms: 600_000 },
        timeout_ms: 5_000,
        events: Arc::new(Events::new()),
    };
    Arc::new(Driver::new(setup, None))
}

fn wanted(kid: &str) -> Wanted<'_> {
    Wanted { kid: Some(kid), alg: Algorithm::EdDSA, tenant: None }
}

fn all(driver: &Arc<Driver>, ask: impl Fn(&Driver) + Clone + Send + 'static) {
    let callers = (0..CALLERS).map(|_| {
        let (driver, ask) = (driver.clone(), ask.clone());
        thread::spawn(move || ask(&driver))
    });
    callers.collect::<Vec<_>>().into_iter().for_each(|caller| caller.join().unwrap());
}

fn is_found(driver: &Driver, kid: &str) -> bool {
    matches!(driver.find(wanted(kid), Waiting::Allowed), Search::Found(_))
}

fn refreshed(driver: &Driver) -> bool {
    Driver::finish_refresh(driver.begin_refresh(), u64::MAX).is_ok()
}

/// Random schedules, then those that look for rare orders.
fn explore(test: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(test.clone(), RUNS);
    shuttle::check_pct(test, RUNS, 3);
}

#[test]
fn cold_callers_share_one_flight() {
    explore(|| {
        let world = Arc::new(World::default());
        all(&driver(&world), |driver| assert!(is_found(driver, "old")));
        assert_eq!(world.fetches.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_rotated_key_is_found_by_all_while_the_old_one_serves() {
    explore(|| {
        let world = Arc::new(World::default());
        let driver = driver(&world);
        assert!(is_found(&driver, "old"));
        world.rotated.store(true, Ordering::SeqCst);
        let new = driver.clone();
        let one = thread::spawn(move || assert!(is_found(&new, "new")));
        all(&driver, |driver| assert!(is_found(driver, "new")));
        one.join().unwrap();
        assert_eq!(world.fetches.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_failure_answers_everybody_and_takes_nothing_away() {
    explore(|| {
        let world = Arc::new(World::default());
        let driver = driver(&world);
        assert!(is_found(&driver, "old"));
        world.failures.store(1, Ordering::SeqCst);
        all(&driver, |driver| {
            let unknown = driver.find(wanted("junk"), Waiting::Allowed);
            assert!(matches!(unknown, Search::Unavailable(_)));
            assert!(is_found(driver, "old"));
        });
        assert_eq!(world.fetches.load(Ordering::SeqCst), 2);
    });
}

/// The protocol of the bindings: try, one refresh, try; a provider that answers is enough.
#[test]
fn a_try_after_a_refresh_has_its_key() {
    explore(|| {
        let world = Arc::new(World::default());
        all(&driver(&world), |driver| {
            if let Search::Pending = driver.find(wanted("old"), Waiting::Never) {
                assert!(refreshed(driver));
            }
            assert!(matches!(driver.find(wanted("old"), Waiting::Never), Search::Found(_)));
        });
        assert_eq!(world.fetches.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn an_unknown_key_id_does_not_wait_for_a_second_flight() {
    explore(|| {
        let world = Arc::new(World::default());
        let driver = driver(&world);
        assert!(is_found(&driver, "old"));
        all(&driver, |driver| {
            if let Search::Pending = driver.find(wanted("junk"), Waiting::Never) {
                assert!(refreshed(driver));
            }
            let again = driver.find(wanted("junk"), Waiting::Never);
            assert!(matches!(again, Search::NotFound));
        });
        assert_eq!(world.fetches.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn refreshes_tokens_probes_and_doubts_do_not_stand_in_each_others_way() {
    explore(|| {
        let world = Arc::new(World::default());
        let driver = driver(&world);
        let others: [fn(&Driver); 4] = [
            |driver| assert!(refreshed(driver)),
            |driver| assert!(is_found(driver, "old")),
            |driver| assert!(!matches!(driver.ready(true).0, Ready::No(_))),
            Driver::suspect,
        ];
        let threads = others.map(|ask| {
            let driver = driver.clone();
            thread::spawn(move || ask(&driver))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(matches!(driver.ready(true).0, Ready::Yes));
        assert!((1..=2).contains(&world.fetches.load(Ordering::SeqCst)));
    });
}

/// The handle is freed while its flight is under way: nobody is waited for, nothing hangs.
#[test]
fn a_handle_is_freed_under_a_flight() {
    explore(|| {
        let world = Arc::new(World::default());
        let driver = driver(&world);
        let pending = driver.find(wanted("old"), Waiting::Never);
        assert!(matches!(pending, Search::Pending));
        drop((pending, driver));
    });
}

#[test]
fn a_defect_in_a_flight_answers_who_waits_for_it() {
    explore(|| {
        let world = Arc::new(World::default());
        world.defect.store(true, Ordering::SeqCst);
        all(&driver(&world), |driver| {
            let answer = driver.find(wanted("old"), Waiting::Allowed);
            assert!(matches!(answer, Search::Unavailable(_)));
        });
    });
}

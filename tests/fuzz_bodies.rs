//! The bodies of the fuzz targets over their corpus, as plain tests: each seed, each of its
//! beginnings, and each with one bit changed.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bodies::{Body, TARGETS};

/// So many changed inputs are made of one seed: all of a short one, evenly spread over a long one.
const MUTANTS_MAX: usize = 400;
const SEEDS_MAX: usize = 40;
const CORPUS_MAX_BYTES: u64 = 300_000;

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of)
}

/// Names and bytes of the files of `fuzz/<place>/<target>`; none where there is no such folder.
fn seeds(place: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(place).join(target)).into_iter().flatten();
    let mut seeds: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let file = file.unwrap();
            (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

fn run(body: Body, input: &[u8], seed: &str, change: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| body(input)));
    assert!(outcome.is_ok(), "seed {seed}, {change}: {}", input.escape_ascii());
}

fn over_corpus(target: &str) {
    let (_, body) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    for (name, seed) in seeds("corpus", target) {
        run(body, &seed, &name, "as it is");
        for length in (0..seed.len()).step_by(seed.len().div_ceil(MUTANTS_MAX).max(1)) {
            run(body, &seed[..length], &name, &format!("its first {length} bytes"));
        }
        let bits = 8 * seed.len();
        // An odd step comes to every place in a byte.
        for bit in (0..bits).step_by(bits.div_ceil(MUTANTS_MAX) | 1) {
            let mut changed = seed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            run(body, &changed, &name, &format!("bit {bit} changed"));
        }
    }
}

macro_rules! targets {
    ($($target:ident)+) => {
        $(#[test]
        fn $target() {
            over_corpus(stringify!($target));
        })+

        #[test]
        fn every_target_is_here() {
            let here: BTreeSet<&str> = [$(stringify!($target)),+].into();
            let bodies: BTreeSet<&str> = TARGETS.into_iter().map(|(name, _)| name).collect();
            assert_eq!(here, bodies);
            for place in ["fuzz_targets", "corpus"] {
                let names: BTreeSet<String> = fs::read_dir(folder(place))
                    .unwrap()
                    .map(|file| file.unwrap().file_name().into_string().unwrap())
                    .map(|name| name.trim_end_matches(".rs").to_owned())
                    .collect();
                assert_eq!(names, here.iter().map(|name| name.to_string()).collect(), "{place}");
            }
        }
    };
}

targets! { header token jwks discovery options requirement claims verify }

#[test]
fn the_corpus_is_small() {
    let mut bytes = 0;
    for (target, _) in TARGETS {
        let seeds = seeds("corpus", target);
        assert!((1..=SEEDS_MAX).contains(&seeds.len()), "{} seeds of {target}", seeds.len());
        bytes += seeds.iter().map(|(_, seed)| seed.len() as u64).sum::<u64>();
    }
    assert!(bytes <= CORPUS_MAX_BYTES, "{bytes} bytes");
}

/// Findings that wait for their repair, one file each in `fuzz/open/<target>`.
#[test]
fn open_findings() {
    for (target, body) in TARGETS {
        for (name, seed) in seeds("open", target) {
            let falls = catch_unwind(AssertUnwindSafe(|| body(&seed))).is_err();
            assert!(falls, "open/{target}/{name} is repaired: move it to corpus/{target}");
        }
    }
}

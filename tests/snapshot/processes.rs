//! Several processes share a folder: no reader ever finds a file that is not whole.

use std::collections::HashSet;
use std::fs::{File, FileTimes, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, id};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use auth::keys::snapshot::Kept;

use crate::{Folder, MAX_BYTES, NOW_S, ec, kept, part, played, snapshot};

/// Enough that a write takes a while.
const KEYS: usize = 500;
const VERSIONS: usize = 40;

/// Writes until it is ended.
fn writer(folder: &Path) {
    let snapshot = snapshot(folder);
    let key = ec("shared");
    let mut kept = kept(&vec![key; KEYS], 0);
    loop {
        kept.fetched_at_s += 1;
        kept.jwks_uri = format!("https://id.example/{}/{}", id(), kept.fetched_at_s);
        snapshot.write(&kept).unwrap();
    }
}

/// Reads for a second at least, and until it has met many versions.
fn reader(folder: &Path) {
    let snapshot = snapshot(folder);
    let started = Instant::now();
    let mut versions = HashSet::new();
    while versions.len() < VERSIONS || started.elapsed() < Duration::from_secs(1) {
        if let Some(kept) = snapshot.read(MAX_BYTES, NOW_S).unwrap() {
            assert_eq!(kept.set.keys.len(), KEYS);
            let own = kept.jwks_uri.ends_with(&format!("/{}", kept.fetched_at_s));
            assert!(own, "of one version: {} {}", kept.jwks_uri, kept.fetched_at_s);
            versions.insert(kept.jwks_uri);
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{} versions", versions.len());
    }
}

/// What a writer leaves that was killed an hour ago: half a file.
fn leave_half_a_file(temporary: &Path) {
    if let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(temporary) {
        let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
        let _ = file.write_all(b"{\"format\":1,\"iss");
        file.set_times(FileTimes::new().set_modified(hour_ago)).unwrap();
    }
}

/// Ended whatever becomes of the test.
struct Writers(Vec<Child>);

impl Drop for Writers {
    fn drop(&mut self) {
        for writer in &mut self.0 {
            let _ = writer.kill();
            let _ = writer.wait();
        }
    }
}

#[test]
fn no_reader_meets_half_a_file() {
    if let Some((part, folder)) = part() {
        return match part.as_str() {
            "writer" => writer(&folder),
            _ => reader(&folder),
        };
    }
    let (folder, snapshot, path) = Folder::filled();
    let jwks_uri = "https://id.example/0".to_owned();
    snapshot.write(&Kept { jwks_uri, ..kept(&vec![ec("first"); KEYS], 0) }).unwrap();
    let test = "processes::no_reader_meets_half_a_file";
    let start = |part: &str| played(test, part, &folder, "").spawn().unwrap();
    let mut writers = Writers((0..4).map(|_| start("writer")).collect());
    let mut readers: Vec<Child> = (0..4).map(|_| start("reader")).collect();
    let temporary = path.with_extension("tmp");
    let mut ended = Vec::new();
    while ended.len() < readers.len() {
        leave_half_a_file(&temporary);
        thread::sleep(Duration::from_millis(1));
        ended = readers.iter_mut().filter_map(|reader| reader.try_wait().unwrap()).collect();
    }
    let failed = writers.0.iter_mut().find_map(|writer| writer.try_wait().unwrap());
    drop(writers);
    assert_eq!(failed, None, "no write fails");
    assert!(ended.iter().all(|status| status.success()), "{ended:?}");
    // The last one may have been killed in the middle.
    let left = File::open(&temporary).map_err(|why| why.kind());
    assert!(snapshot.read(MAX_BYTES, NOW_S).unwrap().is_some());
    assert_eq!(folder.files().len(), 1 + usize::from(left.is_ok()), "{left:?}");
}

//! A start while the provider is down, by the keys that an earlier process kept (`keys.snapshot`).

#[allow(dead_code, unused_imports)]
#[path = "../src/bin/libauth/issuer/mod.rs"]
mod issuer;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use auth::config::Config;
use auth::report::{EventKind, KeysState, Outcome, Report};
use auth::requirement::Requirement;
use auth::status::Status;
use auth::verify::{Moment, verify};
use issuer::{Endpoint, Fault, Issuer};
use serde_json::{Value, json};

const ALG: &str = "ES256";

/// A folder of this test alone, taken away at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("restart-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Folder(path)
    }

    /// One that is being written left out.
    fn files(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
    }

    /// The one file, once it is written: nobody waits for the disk.
    fn file(&self) -> PathBuf {
        until("a snapshot is written", || !self.files().is_empty());
        assert_eq!(self.files().len(), 1, "{:?}", self.files());
        self.files().remove(0)
    }

    fn change(&self, change: impl Fn(&mut Value)) {
        let path = self.file();
        let mut document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut document);
        fs::write(path, document.to_string()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed().as_secs() < 20, "{what}");
        std::thread::yield_now();
    }
}

fn handle(issuer: &Issuer, folder: &Folder, options: &[(&str, &str)]) -> Config {
    let config = Config::default();
    let (url, path) = (issuer.url(), folder.0.to_str().unwrap());
    let own = [("issuer", url.as_str()), ("audience", "api"), ("keys.snapshot", path)];
    for (key, value) in own.iter().chain(options) {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(issuer: &Issuer) -> String {
    let claims = json!({"iss": issuer.url(), "aud": "api", "exp": now_s() + 600});
    issuer.mint(ALG, &claims, None)
}

fn judged(config: &Config, token: &str, moment: Moment) -> Status {
    let (runtime, none) = (config.runtime().unwrap(), Requirement::default());
    let judged = verify(runtime, token.as_bytes(), &none, moment, |_| ());
    judged.err().map_or(Status::OK, |refusal| refusal.status)
}

fn status(config: &Config, token: &str) -> Status {
    judged(config, token, Moment::Now)
}

fn report(config: &Config) -> Report {
    config.report()
}

/// A provider that a first process has asked, and is down now.
fn kept(folder: &Folder) -> (Issuer, String) {
    let issuer = Issuer::start_with(0, &[ALG]).unwrap();
    let good = token(&issuer);
    assert_eq!(status(&handle(&issuer, folder, &[]), &good), Status::OK);
    folder.file();
    issuer.stop();
    (issuer, good)
}

fn ignored(config: &Config) -> Vec<String> {
    let events = report(config).events;
    let ignored = events.iter().filter(|event| event.kind == EventKind::SnapshotIgnored);
    ignored.map(|event| event.detail.clone()).collect()
}

#[test]
fn a_second_process_starts_without_the_provider() {
    let folder = Folder::new("second");
    let (issuer, good) = kept(&folder);
    let config = handle(&issuer, &folder, &[]);
    assert_eq!(judged(&config, &good, Moment::Try), Status::OK, "at once, without a wait");
    assert!(config.runtime().unwrap().ready().is_ok());
    let report = report(&config);
    assert_eq!(report.issuers[0].state, KeysState::Fresh);
    assert_eq!(ignored(&config), [""; 0]);
    let empty = Folder::new("second-empty");
    assert_eq!(status(&handle(&issuer, &empty, &[]), &good), Status::DISCOVERY_FAILED);
}

#[test]
fn the_age_inside_counts_and_not_that_of_the_file() {
    let folder = Folder::new("age");
    let (issuer, good) = kept(&folder);
    let lives = [("keys.ttl", "1h"), ("keys.stale", "1h")];
    let aged = |age_s: u64| {
        folder.change(|document| document["fetched_at"] = json!(now_s() - age_s));
        handle(&issuer, &folder, &lives)
    };
    assert_eq!(judged(&aged(3_000), &good, Moment::At(1)), Status::OK);
    let stale = aged(7_000);
    assert_eq!(judged(&stale, &good, Moment::At(1)), Status::OK);
    let held = report(&stale).issuers.remove(0);
    assert_eq!(held.state, KeysState::Stale);
    let left = held.usable_for_s.unwrap();
    assert!((150..=200).contains(&left), "{left} s are left of two hours");
    let gone = aged(7_200);
    assert_eq!(judged(&gone, &good, Moment::At(1)), Status::KEYS_PENDING);
    assert_eq!(status(&gone, &good), Status::DISCOVERY_FAILED);
    let told = ignored(&gone);
    assert!(told[0].contains("more than keys.ttl and keys.stale together"), "{told:?}");
}

#[test]
fn stale_keys_of_a_snapshot_are_refreshed_in_the_background() {
    let folder = Folder::new("refresh");
    let (issuer, good) = kept(&folder);
    folder.change(|document| document["fetched_at"] = json!(now_s() - 1_800));
    issuer.start_again().unwrap();
    let config = handle(&issuer, &folder, &[]);
    assert_eq!(judged(&config, &good, Moment::Try), Status::OK, "nobody waits");
    until("the refresh ends", || report(&config).issuers[0].state == KeysState::Fresh);
    let held = report(&config).issuers.remove(0);
    assert_eq!(held.fetches_that_ended(Outcome::NotModified), 1, "by the tag that was kept");
    let stamp = || {
        let text = fs::read(folder.file()).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["fetched_at"].as_u64().unwrap()
    };
    until("the new age is kept", || stamp() + 60 > now_s());
}

#[test]
fn a_file_that_is_no_use_is_told_and_replaced() {
    let folder = Folder::new("no-use");
    let (issuer, good) = kept(&folder);
    let path = folder.file();
    fs::write(&path, "{\"format\":").unwrap();
    issuer.start_again().unwrap();
    let config = handle(&issuer, &folder, &[]);
    assert_eq!(status(&config, &good), Status::OK, "as if there were none");
    let told = ignored(&config);
    assert_eq!(told.len(), 1, "{told:?}");
    until("a good one is in its place", || fs::read_to_string(&path).unwrap().contains("\"keys\""));
    issuer.stop();
    let next = handle(&issuer, &folder, &[]);
    assert_eq!(judged(&next, &good, Moment::Try), Status::OK);
}

#[test]
fn a_snapshot_of_an_address_that_is_not_allowed_is_no_use() {
    let folder = Folder::new("address");
    let (issuer, good) = kept(&folder);
    folder.change(|document| document["jwks_uri"] = json!("http://id.example/jwks"));
    let config = handle(&issuer, &folder, &[]);
    assert_eq!(judged(&config, &good, Moment::At(1)), Status::KEYS_PENDING);
    let told = ignored(&config);
    assert!(told[0].contains("plain http"), "{told:?}");
}

#[test]
fn a_folder_that_others_may_write_is_refused_at_the_start() {
    let folder = Folder::new("open");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
    let issuer = Issuer::start_with(0, &[ALG]).unwrap();
    let refusal = handle(&issuer, &folder, &[]).check().unwrap_err();
    assert_eq!(refusal.status, Status::OPTION_INVALID);
    assert!(refusal.log.starts_with("keys.snapshot "), "{}", refusal.log);
    assert!(refusal.log.contains("writable"), "{}", refusal.log);
}

#[test]
fn a_folder_that_is_gone_is_told_and_refuses_nobody() {
    let folder = Folder::new("gone");
    let issuer = Issuer::start_with(0, &[ALG]).unwrap();
    issuer.fault(Endpoint::Jwks, Fault::SlowHead { delay_ms: 100 });
    let config = handle(&issuer, &folder, &[]);
    config.runtime().unwrap();
    fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    until("it is told", || ignored(&config).len() == 1);
}

//! `keys.snapshot`: what a later process knows, and of whom.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use auth::config::Config;
use auth::report::KeysState;
use auth::status::Status;
use serde_json::{Value, json};

use crate::net::{self, Server, field, reply};
use crate::provider::*;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-kept-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn kept(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.find(|path| path.extension().is_some_and(|end| end == "json"))
}

fn change(path: &Path, change: impl Fn(&mut Value)) {
    let mut document = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

/// The file has the usable keys alone; its tag is that of the whole set. A 304 then confirms what
/// was never read: a key that this version can use, and the one that wrote the file could not,
/// stays unknown until the provider changes something.
#[test]
fn a_tag_is_kept_with_a_whole_set_alone() {
    let (folder, issuer) = (folder("tag"), provider());
    let mut set = issuer.jwks();
    let mut unusable = set["keys"][0].clone();
    (unusable["kid"], unusable["use"]) = (json!("enc-1"), json!("enc"));
    set["keys"].as_array_mut().unwrap().push(unusable);
    let body = set.to_string();
    let server = Server::plain(move |head| match field(head, "if-none-match") {
        Some("\"1\"") => reply("304 Not Modified", &["ETag: \"1\""], b""),
        _ => reply("200 OK", &["ETag: \"1\""], body.as_bytes()),
    });
    let uri = format!("http://127.0.0.1:{}/jwks", server.port);
    let path = folder.to_str().unwrap().to_owned();
    let new = || handle(&issuer, &[("keys.jwks_uri", &uri), ("keys.snapshot", &path)]);
    let named = unknown_kid(&issuer, "enc-1");
    let first = new();
    assert_eq!(status(&first, &token(&issuer)), Status::OK);
    assert_eq!(status(&first, &named), Status::KEY_UNUSABLE);
    until("kept", || kept(&folder).is_some());
    let second = new();
    second.runtime().unwrap().refresh(None).unwrap();
    assert_eq!(status(&second, &named), Status::KEY_UNUSABLE);
    assert_eq!(report(&second).skipped.len(), 1);
}

/// This machine was started after the keys were fetched.
#[test]
fn keys_that_are_older_than_the_uptime_tell_their_age() {
    let (folder, issuer) = (folder("age"), provider());
    let options = [("keys.snapshot", folder.to_str().unwrap()), ("keys.stale", "30d")];
    assert_eq!(status(&handle(&issuer, &options), &token(&issuer)), Status::OK);
    until("kept", || kept(&folder).is_some());
    issuer.stop();
    let uptime_s = i64::try_from(auth::os::boot_ms() / 1_000).unwrap();
    let age_s = uptime_s + 7_200;
    assert!(age_s < 30 * 86_400, "this machine runs for too long to show it");
    change(&kept(&folder).unwrap(), |document| {
        document["fetched_at"] = json!(auth::os::wall_s() - age_s);
    });
    let config = handle(&issuer, &options);
    assert!(config.runtime().is_ok());
    let told = report(&config);
    assert_eq!(told.state, KeysState::Stale);
    let told_s = i64::try_from(told.age_s.unwrap()).unwrap();
    assert!((told_s - age_s).abs() < 60, "{told_s}, not {age_s}");
}

/// Two handles never influence each other: what one was told by a server that the other would not
/// ask (a staging server behind `keys.backchannel`, an authority of `keys.ca_file`) is not for the
/// other.
#[test]
fn the_keys_of_a_handle_that_goes_elsewhere_are_not_anothers() {
    let (folder, staging) = (folder("apart"), net::signer());
    let public = "https://id.invalid";
    let set = staging.jwks();
    let server = Server::plain(net::provider(public.into(), format!("{public}/jwks"), set));
    let inside = format!("{public}=http://127.0.0.1:{}", server.port);
    let new = |options: &[(&str, &str)]| -> Config {
        let own = [("keys.snapshot", folder.to_str().unwrap())];
        net::handle(public, &[&own[..], options].concat())
    };
    let forged = net::token(&staging, public);
    net::accepted(&new(&[("keys.backchannel", &inside)]), &forged);
    until("kept", || kept(&folder).is_some());
    assert_eq!(status(&new(&[]), &forged), Status::DISCOVERY_FAILED);
}

/// A script, a CGI program, a worker that was asked to go: it ends as soon as it has its answer.
#[test]
fn a_process_that_ends_at_once_has_kept_its_keys() {
    const PART: &str = "LIBAUTH_TEST_SHORT";
    if let Ok(part) = std::env::var(PART) {
        let (issuer, folder) = part.split_once(' ').unwrap();
        let config = net::handle(issuer, &[("keys.snapshot", folder)]);
        config.runtime().unwrap().refresh(None).unwrap();
        drop(config);
        std::process::exit(0);
    }
    let issuer = provider();
    let test = "snapshot::a_process_that_ends_at_once_has_kept_its_keys";
    for run in 0..5 {
        let folder = folder("short");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test, "--nocapture"]);
        child.env(PART, format!("{} {}", issuer.url(), folder.to_str().unwrap()));
        assert!(child.status().unwrap().success());
        let left: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(kept(&folder).is_some(), "process {run} left {left:?}");
    }
}

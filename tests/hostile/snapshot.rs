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

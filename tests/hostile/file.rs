//! `keys.file`, changed in ways that are hard to see.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use auth::status::Status;

use crate::provider::*;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// rsync --inplace --times, cp -p, and builds whose files have one time: neither length nor time
/// tells of the change.
#[test]
fn a_file_that_keeps_its_time_and_length_is_read_again() {
    let (path, issuer) = (folder("times").join("keys.json"), provider());
    fs::write(&path, issuer.jwks().to_string()).unwrap();
    let before = fs::metadata(&path).unwrap();
    let text = path.to_str().unwrap();
    let config = handle(&issuer, &[("keys.file", text), ("keys.ttl", "1s")]);
    let old = token(&issuer);
    assert_eq!(status(&config, &old), Status::OK);
    assert!(issuer.rotate());
    fs::write(&path, issuer.jwks().to_string()).unwrap();
    let file = File::options().append(true).open(&path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), before.len());
    assert_eq!(status(&config, &token(&issuer)), Status::OK, "the new key");
    assert_eq!(status(&config, &old), Status::KEY_NOT_FOUND, "the withdrawn key");
}

/// A daemon goes to `/` after it has read its options, or to a folder of somebody else.
#[test]
fn a_relative_path_stays_where_it_was() {
    const PART: &str = "LIBAUTH_TEST_RELATIVE";
    if let Some(folder) = std::env::var_os(PART) {
        std::env::set_current_dir(&folder).unwrap();
        let issuer = provider();
        fs::write("keys.json", issuer.jwks().to_string()).unwrap();
        let config = handle(&issuer, &[("keys.file", "keys.json"), ("keys.ttl", "1s")]);
        assert_eq!(status(&config, &token(&issuer)), Status::OK);
        fs::create_dir("elsewhere").unwrap();
        std::env::set_current_dir("elsewhere").unwrap();
        let stranger = provider();
        fs::write("keys.json", stranger.jwks().to_string()).unwrap();
        let forged = token_in_the_name_of(&issuer.url(), &stranger);
        assert_eq!(status(&config, &forged), Status::KEY_NOT_FOUND, "a stranger's file");
        assert!(issuer.rotate());
        fs::write("../keys.json", issuer.jwks().to_string()).unwrap();
        until("the new key", || status(&config, &token(&issuer)) == Status::OK);
        return;
    }
    let folder = folder("relative");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "file::a_relative_path_stays_where_it_was", "--nocapture"]);
    assert!(child.env(PART, &folder).status().unwrap().success());
}

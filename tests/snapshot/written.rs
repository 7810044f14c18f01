//! A write replaces the whole file or nothing, and leaves nothing else behind.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::{
    Folder, ISSUER, JWKS_URI, MAX_BYTES, NOW_S, URL, ec, kept, part, played, snapshot, stamp,
};

#[test]
fn the_file_is_a_jwk_set_and_says_whose_it_is() {
    let (folder, snapshot, path) = Folder::filled();
    let name = path.file_name().unwrap().to_str().unwrap();
    // printf '18:https://id.example%s' "$url" | sha256sum
    assert_eq!(name, "948a939c3f3694ee51be5050db4bcf22c199976dc055ce864d625811141eda4c.json");
    let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut beside = file.clone();
    let keys = beside.as_object_mut().unwrap().remove("keys").unwrap();
    let expected = json!({
        "format": 1, "issuer": ISSUER, "url": URL, "jwks_uri": JWKS_URI, "etag": "W/\"7\"",
        "fetched_at": NOW_S,
    });
    assert_eq!(beside, expected);
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let read = snapshot.read(MAX_BYTES, NOW_S).unwrap().unwrap();
    assert_eq!((read.jwks_uri.as_str(), read.etag.as_deref()), (JWKS_URI, Some("W/\"7\"")));
    assert_eq!(read.set.keys[0].kid.as_deref(), Some("a"));
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn only_its_owner_has_rights_whatever_the_umask() {
    if let Some((_, folder)) = part() {
        snapshot(&folder).write(&kept(&[ec("a")], NOW_S)).unwrap();
        return;
    }
    let test = "written::only_its_owner_has_rights_whatever_the_umask";
    for umask in ["000", "022", "777"] {
        let folder = Folder::new();
        let mut child = played(test, "-", &folder, &format!("umask {umask}"));
        assert!(child.status().unwrap().success());
        let mode = folder.files()[0].metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "umask {umask}");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    if let Some((_, folder)) = part() {
        let why = snapshot(&folder).write(&kept(&[ec("b")], NOW_S + 1)).unwrap_err();
        assert!(why.contains(" is not written: it cannot be replaced: file too large"), "{why}");
        return;
    }
    let (folder, snapshot, path) = Folder::filled();
    let shell = "trap '' XFSZ; ulimit -f 0";
    let mut child = played("written::a_full_disk_leaves_the_old_file", "-", &folder, shell);
    assert!(child.status().unwrap().success());
    assert_eq!(stamp(&snapshot), NOW_S);
    assert_eq!(folder.files(), [path], "nothing is left behind");
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_nothing_behind() {
    let (folder, snapshot, path) = Folder::filled();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let why = snapshot.write(&kept(&[ec("b")], NOW_S)).unwrap_err();
    let name = path.file_name().unwrap().to_str().unwrap();
    let told = "it cannot be replaced: is a directory (errno 21)";
    let folder_text = folder.0.to_str().unwrap();
    assert_eq!(why, format!("{name} in keys.snapshot \"{folder_text}\" is not written: {told}"));
    assert_eq!(folder.files(), [path]);
    fs::remove_dir_all(&folder.0).unwrap();
    let why = snapshot.write(&kept(&[ec("b")], NOW_S)).unwrap_err();
    assert!(why.contains("entity not found (errno 2)"), "{why}");
}

/// A temporary file beside the snapshot, changed so many seconds ago.
fn leave(path: &Path, age_s: i64) -> File {
    let file = File::create(path).unwrap();
    let age = Duration::from_secs(age_s.unsigned_abs());
    let now = SystemTime::now();
    let time = if age_s < 0 { now + age } else { now - age };
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
    file
}

#[test]
fn a_young_temporary_file_is_another_writer() {
    let (folder, snapshot, path) = Folder::filled();
    let temporary = path.with_extension("tmp");
    for age_s in [0, 2, -2] {
        leave(&temporary, age_s);
        snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
        assert_eq!(stamp(&snapshot), NOW_S, "left to the other");
        assert_eq!(folder.files(), [path.clone(), temporary.clone()]);
    }
}

#[test]
fn an_old_temporary_file_is_a_leftover() {
    let (folder, snapshot, path) = Folder::filled();
    let temporary = path.with_extension("tmp");
    // Of a clock that was wrong, too: it would stand in the way for years.
    for (place, age_s) in [90, 100_000, -100_000].into_iter().enumerate() {
        leave(&temporary, age_s);
        let stamped = NOW_S - 1 - place as i64;
        snapshot.write(&kept(&[ec("b")], stamped)).unwrap();
        assert_eq!(stamp(&snapshot), stamped);
        assert_eq!(folder.files(), std::slice::from_ref(&path));
    }
}

#[test]
fn a_leftover_that_is_a_link_is_removed_and_not_followed() {
    let (folder, snapshot, path) = Folder::filled();
    let temporary = path.with_extension("tmp");
    let victim = folder.0.join("victim");
    fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, &temporary).unwrap();
    let mut touch = Command::new("touch");
    touch.args(["-h", "-d", "2001-01-01"]).arg(&temporary);
    assert!(touch.status().unwrap().success());
    snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
    assert_eq!(stamp(&snapshot), NOW_S - 1);
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    assert!(temporary.symlink_metadata().is_err(), "the link is gone");
}

#[test]
fn a_slow_writer_that_is_alive_is_not_taken_for_one_that_is_gone() {
    let (folder, snapshot, path) = Folder::filled();
    let temporary = path.with_extension("tmp");
    let other = leave(&temporary, 90);
    other.lock().unwrap();
    snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
    assert_eq!(stamp(&snapshot), NOW_S);
    assert_eq!(folder.files(), [path.clone(), temporary]);
    drop(other);
    snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
    assert_eq!(stamp(&snapshot), NOW_S - 1);
    assert_eq!(folder.files(), [path]);
}

//! Files that count as none: each says why, blocks nobody, and is replaced by the next write.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use auth::keys::snapshot::Snapshot;
use auth::os;
use serde_json::{Value, json};

use crate::{Folder, ISSUER, MAX_BYTES, NOW_S, URL, ec, ignored, kept, stamp};

/// The file, spoilt so, is ignored, and the sentence names folder, file and reason.
#[track_caller]
fn spoilt(spoil: impl FnOnce(&Path), told: &str) {
    let (folder, snapshot, path) = Folder::filled();
    assert_eq!(stamp(&snapshot), NOW_S);
    spoil(&path);
    let why = ignored(&snapshot);
    let name = path.file_name().unwrap().to_str().unwrap();
    let folder_text = folder.0.to_str().unwrap();
    assert_eq!(why, format!("{name} in keys.snapshot \"{folder_text}\" is ignored: {told}"));
    snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
    assert_eq!(stamp(&snapshot), NOW_S - 1, "the next write replaces it");
    assert_eq!(folder.files(), [path]);
}

/// With another value of one member; None takes it away.
fn edited(member: &str, value: Option<Value>) -> impl FnOnce(&Path) {
    move |path| {
        let mut document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let members = document.as_object_mut().unwrap();
        assert!(members.remove(member).is_some(), "{member}");
        if let Some(value) = value {
            members.insert(member.to_owned(), value);
        }
        fs::write(path, document.to_string()).unwrap();
    }
}

fn text(text: &'static [u8]) -> impl FnOnce(&Path) {
    move |path| fs::write(path, text).unwrap()
}

fn mode(mode: u32) -> impl FnOnce(&Path) {
    move |path| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap()
}

#[test]
fn no_file_is_none() {
    let folder = Folder::new();
    assert!(folder.snapshot().read(MAX_BYTES, NOW_S).unwrap().is_none());
    let (folder, snapshot, _) = Folder::filled();
    fs::remove_dir_all(&folder.0).unwrap();
    assert!(snapshot.read(MAX_BYTES, NOW_S).unwrap().is_none());
}

#[test]
fn a_symbolic_link() {
    // Also one to the good content of a trusted file.
    let (folder, snapshot, path) = Folder::filled();
    let aside = folder.0.join("aside");
    fs::rename(&path, &aside).unwrap();
    symlink(&aside, &path).unwrap();
    assert!(ignored(&snapshot).ends_with("it is a symbolic link"));
    snapshot.write(&kept(&[ec("b")], NOW_S - 1)).unwrap();
    assert!(path.symlink_metadata().unwrap().is_file(), "the link is replaced, not followed");
    let held: Value = serde_json::from_slice(&fs::read(aside).unwrap()).unwrap();
    assert_eq!(held["fetched_at"], NOW_S);
}

#[test]
fn what_is_no_regular_file() {
    let fifo = |path: &Path| {
        fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let (told, end) = mpsc::channel();
    thread::spawn(move || {
        spoilt(fifo, "it is not a regular file");
        told.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(30)).expect("a FIFO without a writer blocks nobody");
    let (_folder, snapshot, path) = Folder::filled();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(ignored(&snapshot).ends_with("it is not a regular file"));
}

#[test]
fn a_file_that_others_can_have_written() {
    for bits in [0o620, 0o602, 0o666, 0o777] {
        spoilt(mode(bits), "it is writable by its group or by everybody");
    }
    let (_folder, snapshot, path) = Folder::filled();
    mode(0o644)(&path);
    assert_eq!(stamp(&snapshot), NOW_S, "others may read it: all of it is public");
    // Only root can give a file away.
    match os::effective_uid() {
        0 => spoilt(|path| chown(path, Some(4_242), None).unwrap(), "it belongs to user 4242"),
        _ => assert!(chown(&path, Some(4_242), None).is_err()),
    }
}

#[test]
fn a_file_that_is_too_long() {
    let limit = MAX_BYTES + 64 * 1024;
    let padded = |path: &Path, length: u64| {
        let blanks = length - path.metadata().unwrap().len();
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(&vec![b' '; blanks as usize]).unwrap();
    };
    spoilt(|path| padded(path, limit + 1), &format!("it is longer than {limit} bytes"));
    let (_folder, snapshot, path) = Folder::filled();
    padded(&path, limit);
    assert_eq!(stamp(&snapshot), NOW_S);
    // Terabytes of nothing are not read to their end.
    let sparse = |path: &Path| File::create(path).unwrap().set_len(1 << 40).unwrap();
    spoilt(sparse, &format!("it is longer than {limit} bytes"));
}

#[test]
fn a_file_that_is_cut_off_anywhere() {
    let (_folder, snapshot, path) = Folder::filled();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let why = ignored(&snapshot);
        assert!(why.ends_with("is ignored: it is cut off"), "{length}: {why}");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(stamp(&snapshot), NOW_S);
}

#[test]
fn content_that_is_something_else() {
    for other in [&b"no JSON"[..], b"\xff\xfe", b"{\"format\":1}{}"] {
        spoilt(text(other), "it is not JSON");
    }
    for other in [&b"{}"[..], b"[]", b"null", b"7"] {
        spoilt(text(other), "it lacks a member, or has one of another type");
    }
    for member in ["format", "issuer", "url", "jwks_uri", "fetched_at"] {
        spoilt(edited(member, None), "it lacks a member, or has one of another type");
        let list = Some(json!([]));
        spoilt(edited(member, list), "it lacks a member, or has one of another type");
    }
    let twice = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replace("{\"format\":1", "{\"format\":1,\"format\":1")).unwrap();
    };
    spoilt(twice, "it lacks a member, or has one of another type");
    spoilt(edited("format", Some(json!(2))), "it has format 2, not 1");
}

#[test]
fn another_issuer_or_url() {
    let other = "https://other.example\n";
    let told = |what: &str| format!("it is of another {what}, \"https://other.example\\x0a\"");
    spoilt(edited("issuer", Some(json!(other))), &told("issuer"));
    spoilt(edited("url", Some(json!(other))), &told("URL"));
    // Each has its own file, also where the joined texts are the same.
    let folder = Folder::new();
    let pairs = [(ISSUER, URL), (URL, ISSUER), ("ab", "c"), ("a", "bc")];
    for (place, (issuer, url)) in pairs.iter().enumerate() {
        let snapshot = Snapshot::in_folder(&folder.0, issuer, url).unwrap();
        snapshot.write(&kept(&[ec("a")], place as i64)).unwrap();
        assert_eq!(folder.files().len(), place + 1);
    }
    for (place, (issuer, url)) in pairs.iter().enumerate() {
        assert_eq!(stamp(&Snapshot::in_folder(&folder.0, issuer, url).unwrap()), place as i64);
    }
}

#[test]
fn no_usable_key() {
    let why = "the key set has no usable key";
    spoilt(edited("keys", Some(json!([]))), why);
    spoilt(
        edited("keys", Some(json!([{"kty": "oct", "k": "c2VjcmV0"}]))),
        &format!("{why}; \"\" is a symmetric key"),
    );
    spoilt(edited("keys", None), "the key set cannot be read: it has no member `keys`");
}

#[test]
fn a_stamp_ahead_of_the_clock() {
    let told = "it is from the future; is this machine's clock right?";
    for ahead in [NOW_S + 61, i64::MAX] {
        spoilt(edited("fetched_at", Some(json!(ahead))), told);
    }
    let (_folder, snapshot, path) = Folder::filled();
    for stamped in [NOW_S + 60, 0, i64::MIN] {
        edited("fetched_at", Some(json!(stamped)))(&path);
        assert_eq!(stamp(&snapshot), stamped);
    }
}

//! The file of `keys.snapshot`: what is written, what is ignored, and many processes at once.

#[path = "snapshot/exported.rs"]
mod exported;
#[path = "snapshot/folder.rs"]
mod folder;
#[path = "snapshot/ignored.rs"]
mod ignored;
#[path = "snapshot/processes.rs"]
mod processes;
#[path = "snapshot/written.rs"]
mod written;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth::keys::jwks::KeySet;
use auth::keys::snapshot::{Kept, Snapshot};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const URL: &str = "https://id.example/.well-known/openid-configuration";
const JWKS_URI: &str = "https://id.example/jwks";
const MAX_BYTES: u64 = 1024 * 1024;
const NOW_S: i64 = 1_800_000_000;

/// A folder of this test alone, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("libauth-snapshot-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&folder).unwrap();
        Folder(folder)
    }

    fn snapshot(&self) -> Snapshot {
        snapshot(&self.0)
    }

    /// With the file in it, and its path.
    fn filled() -> (Folder, Snapshot, PathBuf) {
        let folder = Folder::new();
        let snapshot = folder.snapshot();
        snapshot.write(&kept(&[ec("a")], NOW_S)).unwrap();
        let path = folder.files().remove(0);
        (folder, snapshot, path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn snapshot(folder: &Path) -> Snapshot {
    Snapshot::in_folder(folder, ISSUER, URL).map_err(|why| format!("{folder:?} {why}")).unwrap()
}

fn kept(keys: &[Value], fetched_at_s: i64) -> Kept {
    let document = json!({ "keys": keys }).to_string();
    let set = Arc::new(KeySet::parse(document.as_bytes()).unwrap());
    Kept { set, jwks_uri: JWKS_URI.into(), etag: Some("W/\"7\"".into()), fetched_at_s }
}

/// When the keys that the file holds were fetched.
fn stamp(snapshot: &Snapshot) -> i64 {
    snapshot.read(MAX_BYTES, NOW_S).unwrap().expect("there is a file").fetched_at_s
}

/// Why the file is ignored.
fn ignored(snapshot: &Snapshot) -> String {
    snapshot.read(MAX_BYTES, NOW_S).err().expect("must be ignored")
}

fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A new key on P-256.
fn ec(kid: &str) -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": base64url(x), "y": base64url(y)})
}

/// What the second process of a test is told: its part, and the folder.
const PART: &str = "SNAPSHOT_TEST_PART";

fn part() -> Option<(String, PathBuf)> {
    let part = std::env::var(PART).ok()?;
    let (name, folder) = part.split_once(':').unwrap();
    Some((name.to_owned(), folder.into()))
}

/// This test once more, in a process of its own that plays a part, behind a line of shell.
fn played(test: &str, part: &str, folder: &Folder, shell: &str) -> Command {
    let mut command = Command::new("sh");
    let line = format!("{shell}\nexec \"$0\" --exact {test} --nocapture");
    command.arg("-c").arg(line).arg(std::env::current_exe().unwrap());
    command.stdout(Stdio::null());
    command.env(PART, format!("{part}:{}", folder.0.display()));
    command
}

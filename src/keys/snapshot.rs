//! The last good keys of one issuer on disk: a process that starts while the provider is down has
//! them, and processes share them. A file that cannot be trusted counts as none; a file is only
//! ever replaced as a whole.
//!
//! It is itself a JWK Set (RFC 7517 5), with members beside `keys` that say whose it is and when it
//! was fetched.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::export::PublicKeys;
use super::jwks::KeySet;
use crate::os;
use crate::verdict::quote;

/// Another format is none: a later version need not read an older file, it fetches.
const FORMAT: u64 = 1;
/// What stands beside the keys.
const BESIDE_MAX_BYTES: u64 = 64 * 1024;
/// Clocks of machines that share a folder differ a little.
const AHEAD_MAX_S: i64 = 60;
/// A temporary file older than this is of a writer that is gone.
const WRITING_MAX_S: u64 = 5;

const OTHERS_MAY_WRITE: u32 = 0o022;

/// Where the keys of one issuer are kept.
pub struct Snapshot {
    folder: PathBuf,
    /// SHA-256 of issuer and URL, in hexadecimal.
    stem: String,
    issuer: String,
    url: String,
}

/// What is kept.
pub struct Kept {
    pub set: Arc<KeySet>,
    /// Where the set was read.
    pub jwks_uri: String,
    pub etag: Option<String>,
    /// Wall clock, seconds since 1970. Ages are counted from here, never from the file's own time.
    pub fetched_at_s: i64,
}

#[derive(Serialize)]
struct Written<'k> {
    format: u64,
    issuer: &'k str,
    url: &'k str,
    jwks_uri: &'k str,
    etag: Option<&'k str>,
    fetched_at: i64,
    keys: PublicKeys<'k>,
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// `keys` is read by `KeySet::parse`, as a provider's answer is.
#[derive(Deserialize)]
struct Stored {
    issuer: String,
    url: String,
    jwks_uri: String,
    etag: Option<String>,
    fetched_at: i64,
}

impl Snapshot {
    /// `url` is the configured place of the key set, or the first of the metadata. The error is the
    /// end of a sentence that begins with option and folder.
    pub fn in_folder(folder: &Path, issuer: &str, url: &str) -> Result<Snapshot, String> {
        // Absolute: the host may change its working folder. By components: `link/` would be judged
        // as what the link leads to.
        let folder = std::path::absolute(folder).map_err(|why| cannot("be found", &why))?;
        let folder: PathBuf = folder.components().collect();
        judge_folder(&folder)?;
        // The length keeps apart what would be the same text when joined.
        let name = format!("{}:{issuer}{url}", issuer.len());
        let hash = digest(&SHA256, name.as_bytes());
        let stem = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Snapshot { folder, stem, issuer: issuer.to_owned(), url: url.to_owned() })
    }

    /// What was kept; None where there is no file. The error says for the log why the file is
    /// ignored. Blocks on the disk.
    pub fn read(&self, max_bytes: u64, now_s: i64) -> Result<Option<Kept>, String> {
        let limit = max_bytes.saturating_add(BESIDE_MAX_BYTES);
        let kept = match read_trusted(&self.path("json"), limit) {
            Ok(Some(document)) => self.parse(&document, now_s).map(Some),
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        };
        kept.map_err(|why| self.sentence("is ignored", &why))
    }

    /// Replaces the file, unless another process is just doing so. The error is for the log. Blocks
    /// on the disk.
    pub fn write(&self, kept: &Kept) -> Result<(), String> {
        let written = Written {
            format: FORMAT,
            issuer: &self.issuer,
            url: &self.url,
            jwks_uri: &kept.jwks_uri,
            etag: kept.etag.as_deref(),
            fetched_at: kept.fetched_at_s,
            keys: PublicKeys(&kept.set),
        };
        let replaced = serde_json::to_vec(&written)
            .map_err(io::Error::from)
            .and_then(|document| self.replace(&document));
        replaced.map_err(|why| {
            self.sentence("is not written", &format!("it {}", cannot("be replaced", &why)))
        })
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.stem))
    }

    fn sentence(&self, what: &str, why: &str) -> String {
        let folder = quote(&self.folder.to_string_lossy());
        format!("{}.json in keys.snapshot {folder} {what}: {why}", self.stem)
    }

    fn parse(&self, document: &[u8], now_s: i64) -> Result<Kept, String> {
        // Not with serde_json's own words: they may hold text of the file.
        let unreadable = |why: serde_json::Error| match why.classify() {
            Category::Eof => "it is cut off",
            Category::Data => "it lacks a member, or has one of another type",
            _ => "it is not JSON",
        };
        let Format { format } = serde_json::from_slice(document).map_err(unreadable)?;
        if format != FORMAT {
            return Err(format!("it has format {format}, not {FORMAT}"));
        }
        let stored: Stored = serde_json::from_slice(document).map_err(unreadable)?;
        if stored.issuer != self.issuer {
            return Err(format!("it is of another issuer, {}", quote(&stored.issuer)));
        }
        if stored.url != self.url {
            return Err(format!("it is of another URL, {}", quote(&stored.url)));
        }
        if stored.fetched_at > now_s.saturating_add(AHEAD_MAX_S) {
            return Err("it is from the future; is this machine's clock right?".into());
        }
        let set = Arc::new(KeySet::parse(document)?);
        let Stored { jwks_uri, etag, fetched_at: fetched_at_s, .. } = stored;
        Ok(Kept { set, jwks_uri, etag, fetched_at_s })
    }

    fn replace(&self, document: &[u8]) -> io::Result<()> {
        let path = self.path("tmp");
        let temporary = match Temporary::create(&path) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {
                if !remove_leftover(&path)? {
                    return Ok(());
                }
                Temporary::create(&path)
            }
            created => created,
        };
        match temporary {
            Ok(temporary) => temporary.fill_and_rename(document, &self.path("json")),
            // Another process removed the leftover too, and was first.
            Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(why) => Err(why),
        }
    }
}

fn judge_folder(folder: &Path) -> Result<(), String> {
    let found = match folder.symlink_metadata() {
        Ok(found) => found,
        Err(why) if why.kind() == ErrorKind::NotFound => return Err("does not exist".into()),
        Err(why) => return Err(cannot("be looked at", &why)),
    };
    if found.is_symlink() {
        return Err("is a symbolic link: give the folder that it leads to".into());
    }
    if !found.is_dir() {
        return Err("is not a folder".into());
    }
    let (owner, own) = (found.uid(), os::effective_uid());
    if owner != own {
        return Err(format!("belongs to user {owner}, and this process runs as user {own}"));
    }
    match found.mode() & OTHERS_MAY_WRITE {
        0 => Ok(()),
        _ => Err("is writable by its group or by everybody (chmod go-w)".into()),
    }
}

/// The content of a file that only this user or root can have written. What is judged is the open
/// file, so that nothing can be put in its place between judging and reading.
fn read_trusted(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let file = match open_existing(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) if why.raw_os_error() == Some(libc::ELOOP) => {
            return Err("it is a symbolic link".into());
        }
        Err(why) => return Err(format!("it {}", cannot("be opened", &why))),
    };
    let unreadable = |why: io::Error| format!("it {}", cannot("be read", &why));
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err("it is not a regular file".into());
    }
    if !is_trusted(found.uid(), os::effective_uid()) {
        return Err(format!("it belongs to user {}", found.uid()));
    }
    if found.mode() & OTHERS_MAY_WRITE != 0 {
        return Err("it is writable by its group or by everybody".into());
    }
    let mut document = Vec::new();
    // Not by the size that was told: the file may grow.
    file.take(limit.saturating_add(1)).read_to_end(&mut document).map_err(unreadable)?;
    match u64::try_from(document.len()) {
        Ok(length) if length <= limit => Ok(Some(document)),
        _ => Err(format!("it is longer than {limit} bytes")),
    }
}

/// Ours, or root's: root can write every file anyway.
fn is_trusted(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

/// Follows no link, and does not wait for the other end of a FIFO. The standard library adds
/// O_CLOEXEC.
fn open_existing(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// A file that becomes the snapshot, or goes away.
struct Temporary<'p> {
    file: File,
    path: &'p Path,
}

impl Temporary<'_> {
    fn create(path: &Path) -> io::Result<Temporary<'_>> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)?;
        // While it is locked, a slow writer is not taken for one that is gone. Without locks (some
        // network folders) its age alone decides.
        let _ = file.try_lock();
        Ok(Temporary { file, path })
    }

    fn fill_and_rename(mut self, document: &[u8], target: &Path) -> io::Result<()> {
        // Whatever the umask took away, or a default ACL of the folder added.
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        self.file.write_all(document)?;
        // Else a power cut could leave the new name with no content. Which of the two whole files
        // it leaves does not matter: the folder is not synced.
        self.file.sync_all()?;
        match is_named(&self.file, self.path) {
            true => fs::rename(self.path, target),
            // Removed as a leftover: another process writes now.
            false => Ok(()),
        }
    }
}

impl Drop for Temporary<'_> {
    /// After the rename the name is gone, or another's.
    fn drop(&mut self) {
        if is_named(&self.file, self.path) {
            let _ = fs::remove_file(self.path);
        }
    }
}

/// Removes a temporary file whose writer is gone: true where the name is free now. Two processes
/// that find it at once must not remove each other's new file: who removes holds the old one's
/// lock, and has seen that the name is still the old one's.
fn remove_leftover(path: &Path) -> io::Result<bool> {
    let free = |why: io::Error| match why.kind() {
        ErrorKind::NotFound => Ok(true),
        _ => Err(why),
    };
    let named = match path.symlink_metadata() {
        Ok(named) => named,
        Err(why) => return free(why),
    };
    let old = |found: &Metadata| os::wall_s().abs_diff(found.mtime()) > WRITING_MAX_S;
    if !old(&named) {
        return Ok(false);
    }
    // Held until the name is gone. What cannot be opened (a link, no right to read) no writer left.
    let held = open_existing(path);
    if let Ok(file) = &held {
        let locked = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if !locked || !is_named(file, path) || !old(&file.metadata()?) {
            return Ok(false);
        }
    }
    fs::remove_file(path).map(|()| true).or_else(free)
}

/// The name is the open file's.
fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// In constant English: the system's words depend on the host's language.
fn cannot(what: &str, why: &io::Error) -> String {
    match why.raw_os_error() {
        Some(number) => format!("cannot {what}: {} (errno {number})", why.kind()),
        None => format!("cannot {what}: {}", why.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_is_trusted_only_if_that_is_root() {
        for (owner, own, trusted) in
            [(0, 0, true), (0, 7, true), (7, 7, true), (7, 0, false), (7, 8, false)]
        {
            assert_eq!(is_trusted(owner, own), trusted, "{owner} {own}");
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("libauth-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_writer_is_alive_as_long_as_it_holds_its_file() {
        let folder = folder("alive");
        let path = folder.join("tmp");
        let writer = Temporary::create(&path).unwrap();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        writer.file.set_modified(long_ago).unwrap();
        assert!(!remove_leftover(&path).unwrap());
        assert!(path.exists());
        writer.file.unlock().unwrap();
        assert!(remove_leftover(&path).unwrap(), "nobody holds it now");
        assert!(!path.exists());
        fs::remove_dir(folder).unwrap();
    }

    /// Where there are no locks, a slow writer can lose its name to another.
    #[test]
    fn a_writer_that_lost_its_name_touches_nothing() {
        let folder = folder("lost");
        let (path, target) = (folder.join("tmp"), folder.join("json"));
        let slow = Temporary::create(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let other = Temporary::create(&path).unwrap();
        slow.fill_and_rename(b"old", &target).unwrap();
        assert!(!target.exists() && is_named(&other.file, &path));
        other.fill_and_rename(b"new", &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(!path.exists());
        fs::remove_dir_all(folder).unwrap();
    }
}

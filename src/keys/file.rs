//! Keys from a file (`keys.file`) that is read again when it has changed. It may be a symbolic
//! link: mounted secrets are.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::cache::Reads;
use super::fetch::Stop;
use super::jwks::KeySet;
use super::source::{Failure, Fetched, HeldSet, Source};
use crate::report::Outcome;
use crate::verdict::quote;

pub struct KeysFile {
    pub path: PathBuf,
    pub max_bytes: u64,
}

impl KeysFile {
    /// The set, and by what a later change is known. The error is the end of a sentence that begins
    /// with the path.
    pub fn read(&self) -> Result<(KeySet, String), String> {
        let cannot = |error: std::io::Error| format!("cannot be read: {}", error.kind());
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = File::options().read(true).custom_flags(flags).open(&self.path);
        let file = file.map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        // Of a pipe or device one could read without end.
        if !metadata.is_file() {
            return Err("is not a file".into());
        }
        let version = version(&metadata);
        let mut text = String::new();
        let limit = self.max_bytes.saturating_add(1);
        file.take(limit).read_to_string(&mut text).map_err(cannot)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > self.max_bytes) {
            return Err(format!("has more than {} bytes (`keys.max_bytes`)", self.max_bytes));
        }
        KeySet::parse_local(&text).map(|set| (set, version))
    }
}

/// Changes when the file is written, replaced, or its link turned to another.
fn version(metadata: &std::fs::Metadata) -> String {
    // The times of its content and of its inode: the first can be set to what it was.
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    format!("{}:{}:{}:{times:?}", metadata.dev(), metadata.ino(), metadata.len())
}

impl Source for KeysFile {
    fn fetch(
        &self,
        _: Reads,
        held: Option<&HeldSet>,
        _: u64,
        _: &Stop,
    ) -> Result<Fetched, Failure> {
        let held = held.and_then(|held| held.version.as_deref());
        let now = std::fs::metadata(&self.path).ok().map(|metadata| version(&metadata));
        if held.is_some() && held == now.as_deref() {
            return Ok(Fetched::default());
        }
        match self.read() {
            Ok((set, version)) => {
                Ok(Fetched { set: Some(set), version: Some(version), ..Fetched::default() })
            }
            Err(why) => {
                let why = format!("keys.file {} {why}", quote(&self.path.to_string_lossy()));
                Err(Failure { outcome: Outcome::Unusable, ..Failure::unavailable(why) })
            }
        }
    }

    fn name(&self) -> String {
        format!("keys.file {}", self.path.display())
    }
}

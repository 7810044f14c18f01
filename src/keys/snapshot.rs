//! stub
use super::jwks::KeySet;
use std::path::Path;
use std::sync::Arc;
pub struct Snapshot;
impl Snapshot {
    pub fn in_folder(_: &Path, _: &str, _: &str) -> Result<Snapshot, String> {
        Ok(Snapshot)
    }
    pub fn read(&self, _: u64, _: i64) -> Result<Option<Kept>, String> {
        Ok(None)
    }
    pub fn write(&self, _: &Kept) -> Result<(), String> {
        Ok(())
    }
}
pub struct Kept {
    pub set: Arc<KeySet>,
    pub jwks_uri: String,
    pub etag: Option<String>,
    pub fetched_at_s: i64,
}

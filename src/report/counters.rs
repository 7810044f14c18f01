//! stub
use crate::status::Status;
pub struct Counters;
impl Counters {
    pub fn new(_: usize) -> Counters {
        Counters
    }
    pub fn count(&self, _: Option<usize>, _: Status) {}
    pub fn totals(&self) -> Vec<(Option<usize>, Status, u64)> {
        vec![]
    }
}

//! What a critic found: promises that did not hold once.

#[allow(dead_code, unused_imports)]
#[path = "lifecycle/provider.rs"]
mod provider;

mod net;

use provider::issuer;

#[path = "hostile/file.rs"]
mod file;
#[path = "hostile/head.rs"]
mod head;
#[path = "hostile/many.rs"]
mod many;
#[path = "hostile/snapshot.rs"]
mod snapshot;
#[path = "hostile/way.rs"]
mod way;

//! Keys over the life of a provider, on real sockets: floods, outages, slow answers, rotation,
//! changed files. What is promised about time is seen in what was asked of the provider and in
//! what the report tells; where a clock is read, the bound is far from the promise.

#[allow(dead_code, unused_imports)]
#[path = "lifecycle/provider.rs"]
mod provider;

#[path = "lifecycle/change.rs"]
mod change;
#[path = "lifecycle/file.rs"]
mod file;
#[path = "lifecycle/flood.rs"]
mod flood;
#[path = "lifecycle/lint.rs"]
mod lint;
#[path = "lifecycle/outage.rs"]
mod outage;
#[path = "lifecycle/told.rs"]
mod told;
#[path = "lifecycle/waiting.rs"]
mod waiting;
